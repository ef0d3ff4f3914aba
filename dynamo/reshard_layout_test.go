package dynamo_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/shard"
)

// In every layout, and for every number of shards that a cursor may have, the shard of a
// connection is read where its rows may be, and all shards together read every part.
func TestLayouts(t *testing.T) {
	t.Parallel()
	powers := []int{1, 2, 4, 8, 64, 1024}
	for _, write := range powers {
		for _, also := range append([]int{0}, powers...) {
			if also == write {
				continue
			}
			for _, n := range powers {
				layout := dynamo.Sharding{Write: write, Read: also}
				parts := make([][]int, n)
				read := map[int]bool{}
				for of := range n {
					parts[of] = layout.Parts(of, n)
					require.True(t, slices.IsSorted(parts[of]))
					require.Len(t, slices.Compact(slices.Clone(parts[of])), len(parts[of]), "a part is read twice")
					for _, part := range parts[of] {
						read[part] = true
					}
				}
				require.Len(t, read, max(write, also))
				for i := range 40 {
					id := fmt.Sprintf("L0SM9cOF%06dAMCtA=", i*7)
					homes := layout.Homes(id)
					require.Equal(t, shard.Of(id, write), homes[0], "where it is written")
					if also > 0 {
						require.Contains(t, homes, shard.Of(id, also))
					}
					for _, home := range homes {
						require.Contains(t, parts[shard.Of(id, n)], home, "%v in %d shards: %s", layout, n, id)
					}
				}
			}
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		layout dynamo.Sharding
		of, n  int
		want   []int
	}{
		{dynamo.Sharding{Write: 1}, 0, 1, []int{0}},
		{dynamo.Sharding{Write: 4}, 3, 4, []int{3}},
		{dynamo.Sharding{Write: 4}, 0, 1, []int{0, 1, 2, 3}},
		{dynamo.Sharding{Write: 4}, 1, 2, []int{1, 3}},
		{dynamo.Sharding{Write: 2}, 5, 8, []int{1}},
		{dynamo.Sharding{Write: 1, Read: 4}, 0, 1, []int{0, 1, 2, 3}},
		{dynamo.Sharding{Write: 8, Read: 2}, 1, 2, []int{1, 3, 5, 7}},
		{dynamo.Sharding{Write: 1, Read: 8}, 5, 8, []int{0, 5}},
	} {
		require.Equal(t, c.want, c.layout.Parts(c.of, c.n), "%v: shard %d of %d", c.layout, c.of, c.n)
	}
}
