package clientcore

import (
	"fmt"
	"strings"
)

// String returns the state of a client, for the failure of a test.
func (c *Client) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "now %v, sync %v, dial %v, renew %v, history %v\n", c.now, c.syncAt, c.dialAt, c.renewAt, c.historyAt)
	for _, l := range []*link{c.current, c.next, c.previous} {
		fmt.Fprintf(&b, "link %+v\n", l)
	}
	for _, r := range c.requests {
		fmt.Fprintf(&b, "request %+v\n", r)
	}
	for _, t := range c.topics {
		fmt.Fprintf(&b, "topic %+v\n  %+v\n  %+v\n", *t, t.state, t.presence)
	}
	return b.String()
}
