package apigw

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync"
)

// sight is what a transport reported of one request's connection. A transport of the user's may report nothing, or from
// several goroutines.
type sight struct {
	trace httptrace.ClientTrace

	mu sync.Mutex
	seen
}

type seen struct {
	asked    bool // for a connection
	got      bool // one; conn may be nil nevertheless
	conn     net.Conn
	idle     bool // it had been idle before
	http2    bool
	answered bool
}

func newSight() *sight {
	s := new(sight)
	s.trace = httptrace.ClientTrace{
		GetConn: func(string) { s.note(func(n *seen) { n.asked = true }) },
		GotConn: func(info httptrace.GotConnInfo) {
			s.note(func(n *seen) {
				n.got, n.conn, n.idle = true, info.Conn, info.Reused && info.WasIdle
				if conn, ok := info.Conn.(*tls.Conn); ok {
					n.http2 = conn.ConnectionState().NegotiatedProtocol == "h2"
				}
			})
		},
		GotFirstResponseByte: func() { s.note(func(n *seen) { n.answered = true }) },
	}
	return s
}

func (s *sight) note(event func(*seen)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	event(&s.seen)
}

func (s *sight) reset() { s.note(func(n *seen) { *n = seen{} }) }

// look returns what was seen so far.
func (s *sight) look() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// sent reports whether a byte of a request that failed may have gone out. Only a transport that reported that it was
// asking for a connection is believed to have had none: another one may have sent the request before its last error, even
// if that is a dial's.
func (s seen) sent() bool { return !s.asked || s.got || s.answered }

// stale reports whether a request failed because its connection had died while idle. Over HTTP/2 other errors than that of
// the connection are answers too: a server that resets a stream has seen the request.
func (s seen) stale(err error) bool {
	if !s.idle || s.answered {
		return false
	}
	return !s.http2 || isConnectionLost(err)
}

func isConnectionLost(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
