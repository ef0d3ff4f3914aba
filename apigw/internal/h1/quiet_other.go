//go:build !unix

package h1

import "net"

// quiet is for Unix only: elsewhere a connection can't be looked at without reading from it.
type quiet struct{}

func newQuiet(net.Conn) *quiet { return nil }

func (*quiet) isQuiet() bool { return true }
