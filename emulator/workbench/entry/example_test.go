package entry_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// A script finds the posts that failed in an answer of the HTTP API.
func Example() {
	answer := `{"entries":[
		{"seq":4,"time":"2026-11-28T09:43:13.000Z","kind":"received","stage":"dev","connection":1,"route":"say","body":"{}"},
		{"seq":5,"time":"2026-11-28T09:43:13.002Z","kind":"called","stage":"dev","connection":2,"method":"POST","status":410}
	]}`
	var page struct {
		Entries []entry.Entry `json:"entries"`
	}
	if err := json.NewDecoder(strings.NewReader(answer)).Decode(&page); err != nil {
		fmt.Println(err)
	}
	for _, e := range page.Entries {
		if e.Kind == entry.Called && e.Status != 200 {
			fmt.Printf("%s: a post to #%d got %d\n", e.Time.Format("15:04:05.000"), e.Connection, e.Status)
		}
	}
	// Output: 09:43:13.002: a post to #2 got 410
}
