package workbench

import (
	"maps"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/internal/oneline"
)

// maxBody is how many bytes of a body are kept: all of any message.
const maxBody = gatesock.MaxMessageSize

// maxInput is how many bytes of the event of an invocation are kept: all of any event, since an
// escape of JSON has six characters at most.
const maxInput = 1 << 20

// observer returns what the gateway calls, which records and calls next.
func (s *Stage) observer(next func(emulator.Event)) func(emulator.Event) {
	return func(e emulator.Event) {
		s.observe(&e)
		if next != nil {
			next(e)
		}
	}
}

// observe records what has happened at the gateway, which waits for it.
func (s *Stage) observe(e *emulator.Event) {
	n := &Entry{
		Kind: entry.Kind(e.Kind), Time: e.Time.Truncate(time.Millisecond).UTC(), Stage: s.name,
		Connection: e.Connection, ConnectionID: e.ConnectionID, RequestID: e.RequestID,
		Route: e.Route, Frame: e.Frame, Method: e.Method, Status: e.Status,
		Code: e.Code, Reason: e.Reason, ByClient: e.ByClient, Bytes: e.Bytes,
		DurationMs: milliseconds(e.Duration), Handshake: handshakeOf(e.Handshake),
		By: s.b.causes.of(e.Kind, e.ConnectionID, e.Body),
	}
	if len(e.Body) > 0 {
		setBody(n, e.Body)
	}
	if len(e.Input) > 0 {
		n.Input = string(e.Input[:min(len(e.Input), maxInput)])
	}
	if e.Err != nil {
		n.Error = e.Err.Error()
	}
	s.conns.note(n)
	s.b.add(n)
}

// setBody keeps a copy of a body, as text if it is text.
func setBody(n *Entry, body []byte) {
	if !utf8.Valid(body) {
		n.Body64 = append([]byte(nil), body[:min(len(body), maxBody)]...)
		n.Cut = len(body) - len(n.Body64)
		return
	}
	if len(body) > maxBody {
		n.Body = oneline.Cut(string(body[:maxBody+1]), maxBody)
		n.Cut = len(body) - len(n.Body)
		return
	}
	n.Body = string(body)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// handshakeOf returns a copy of a handshake, or nil for nil.
func handshakeOf(h *emulator.Handshake) *entry.Handshake {
	if h == nil {
		return nil
	}
	return &entry.Handshake{
		Headers: http.Header(h.Header).Clone(), Query: map[string][]string(http.Header(h.Query).Clone()),
		SourceIP: h.SourceIP, Subprotocols: subprotocols(h.Header), Authorizer: maps.Clone(h.Authorizer),
	}
}

// subprotocols returns what a client offers, whatever the case of the header's name is.
func subprotocols(header http.Header) (offered []string) {
	for name, lines := range header {
		if !strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			continue
		}
		for item := range strings.SplitSeq(strings.Join(lines, ","), ",") {
			if item = strings.TrimSpace(item); item != "" {
				offered = append(offered, item)
			}
		}
	}
	return offered
}
