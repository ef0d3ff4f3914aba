package dynamo

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/topic"
)

// FuzzParseDeparture checks that what is read is written in the same way. The table is outside
// input.
func FuzzParseDeparture(f *testing.F) {
	for _, text := range []string{"ref 1 2", "", " ", "ref 1", "ref x 2", "ref 1 x", "a 9223372036854775807 2147483647", "ref  1 2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseDeparture(text)
		if err != nil {
			return
		}
		list, _ := departures([]topic.Departure{g}).(*types.AttributeValueMemberL)
		again, err := decodeDepartures(list)
		require.NoError(t, err)
		require.Equal(t, []topic.Departure{g}, again)
	})
}
