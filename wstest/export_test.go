package wstest

import "time"

// SetTimeout sets for how long a client waits, after it has connected.
func SetTimeout(c *Client, d time.Duration) { c.timeout = d }
