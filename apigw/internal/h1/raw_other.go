//go:build !linux || !(amd64 || arm64) || race || gatesock_noraw

package h1

import "net"

// rawConn exists on Linux only, without the race detector and the tag gatesock_noraw.
type rawConn struct{ net.Conn }

func newRawConn(net.Conn) *rawConn { return nil }
