//go:build !linux || !(amd64 || arm64) || race

package h1

import "net"

// rawConn is for Linux without the race detector only.
type rawConn struct{ net.Conn }

func newRawConn(net.Conn) *rawConn { return nil }
