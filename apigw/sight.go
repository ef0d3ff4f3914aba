package apigw

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// sight is what was seen of one request's connection. It is used again once an answer has come, after which net/http
// reports nothing more, unless there is a watch.
type sight struct {
	trace    httptrace.ClientTrace
	watch    *watch // nil for none
	asked    bool   // for a connection; a transport of the user's may not say so
	conn     net.Conn
	idle     bool // it had been idle before
	http2    bool
	answered atomic.Bool
}

func newSight(w *watch) *sight {
	s := &sight{watch: w}
	s.trace = httptrace.ClientTrace{
		GetConn: func(string) {
			s.asked = true
			s.watch.wait()
		},
		GotConn: func(info httptrace.GotConnInfo) {
			s.watch.run()
			s.conn = info.Conn
			s.idle = info.Reused && info.WasIdle
			if conn, ok := info.Conn.(*tls.Conn); ok {
				s.http2 = conn.ConnectionState().NegotiatedProtocol == "h2"
			}
		},
		GotFirstResponseByte: func() { s.answered.Store(true) },
	}
	if w != nil {
		w.sees(&s.trace)
	}
	return s
}

func (s *sight) reset() {
	s.asked, s.conn, s.idle, s.http2 = false, nil, false, false
	s.answered.Store(false)
}

// sent reports whether a byte of a request that failed may have gone out.
func (s *sight) sent(err error) bool {
	if s.conn == nil && (s.asked || isDial(err)) {
		return false
	}
	return true
}

// stale reports whether a request failed because its connection had died while idle. Over HTTP/2 other errors than that of
// the connection are answers too: a server that resets a stream has seen the request.
func (s *sight) stale(err error) bool {
	if !s.idle || s.answered.Load() {
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
