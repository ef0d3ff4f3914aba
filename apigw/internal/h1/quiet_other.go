//go:build !unix

package h1

import "net"

// quiet exists on Unix only: elsewhere one cannot look at a connection without reading from it.
type quiet struct{}

func newQuiet(net.Conn) *quiet { return nil }

func (*quiet) isQuiet() bool { return true }
