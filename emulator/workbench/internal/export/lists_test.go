package export_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
)

// TestListsInTheOrderOfIDs checks that a list which is in the order of ids that are drawn may have
// another order in the test.
func TestListsInTheOrderOfIDs(t *testing.T) {
	t.Parallel()
	const a, b, c = "3pVxQ2mZ7LpA", "K9xQ2mZ7Lp3v", "z3J9xQ2mZ7Lp"
	for name, x := range map[string]struct{ frame, want string }{
		"in the order of ids": {
			`{"m":[{"ref":"` + a + `","n":"Ann S.","v":1,"ok":true},{"ref":"` + b + `","n":"Bob","v":1,"ok":false}],"z":1}`,
			`{"m":[{"ref":"${_}","n":"…","v":1,"ok":…},{"ref":"${_}","n":"…","v":1,"ok":…}],"z":1}`,
		},
		"in another order": {
			`{"m":[{"ref":"` + b + `","n":"Ann"},{"ref":"` + a + `","n":"Bob"}]}`,
			`{"m":[{"ref":"${_}","n":"Ann"},{"ref":"${_}","n":"Bob"}]}`,
		},
		"one":            {`{"m":[{"ref":"` + a + `","n":"Ann"}]}`, `{"m":[{"ref":"${_}","n":"Ann"}]}`},
		"without ids":    {`{"m":[{"n":"Ann"},{"n":"Bob"}]}`, `{"m":[{"n":"Ann"},{"n":"Bob"}]}`},
		"texts":          {`{"m":["` + a + `","` + b + `","` + c + `"]}`, `{"m":["${_}","${_}","${_}"]}`},
		"other members":  {`{"m":[{"ref":"` + a + `"},{"ref":"` + b + `","n":"Bob"}]}`, `{"m":[…]}`},
		"within another": {`[[{"r":"` + a + `"},{"r":"` + b + `"}],[{"r":"` + c + `"}]]`, `[…]`},
		"not JSON":       {`[{"r":"` + a + `"},{"r":"` + b + `"}`, `[{"r":"${_}"},{"r":"${_}"}`},
		"empty":          {`{"m":[],"o":[{},[]]}`, `{"m":[],"o":[{},[]]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := source(t, []entry.Entry{
				{Seq: 1, Kind: entry.Connected, ConnectionID: "c", Connection: 1, RequestID: "1"},
				{Seq: 2, Kind: entry.Sent, ConnectionID: "c", Connection: 1, RequestID: "1", Bytes: 1, Body: x.frame},
			}, export.TestOptions{})
			require.Contains(t, text, x.want)
		})
	}
}
