package emulator

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

const kb = 1 << 10

// closeCase checks the end of a connection for the client and for $disconnect.
func closeCase(section, mark, behavior string, want CloseStatus, happen func(w *world, p *peer)) conformanceCase {
	return conformanceCase{
		section: section, mark: mark, behavior: behavior,
		check: func(w *world) {
			t := w.t
			p := w.connect()
			happen(w, p)
			require.Equal(t, want, w.end(p))
			e := w.event("$disconnect")
			require.Equal(t, want, CloseStatus{e.Context.Code, e.Context.Reason})
			require.Equal(t, p.id, e.Context.ConnectionID)
			w.noEvent()
			require.ErrorIs(t, w.post(p, "x"), gatesock.ErrGone)
		},
	}
}

func limitCases() []conformanceCase {
	return []conformanceCase{
		closeCase("§8", documented, "a frame above 32 KB closes with 1009", CloseStatus{Code: 1009},
			func(_ *world, p *peer) { p.text(strings.Repeat("x", 32*kb+1)) }),
		closeCase("§8", documented, "a frame above 32 KB within a message closes with 1009", CloseStatus{Code: 1009},
			func(_ *world, p *peer) { p.parts("x", strings.Repeat("x", 32*kb+1)) }),
		closeCase("§8", documented, "a message above 128 KB closes with 1009", CloseStatus{Code: 1009},
			func(_ *world, p *peer) {
				part := strings.Repeat("x", 32*kb)
				p.parts(part, part, part, part, "x")
			}),
		{
			section: "§8", mark: documented, behavior: "a message of 128 KB in frames of 32 KB is accepted",
			check: func(w *world) {
				t := w.t
				part := strings.Repeat("x", 32*kb)
				w.connect().parts(part, part, part, part)
				require.Len(t, *w.event("$default").Body, 128*kb)
			},
		},
		closeCase("§8", observed, "10 minutes without traffic close with 1001 Going away",
			CloseStatus{1001, "Going away"}, func(w *world, _ *peer) { w.clock.Advance(10 * time.Minute) }),
		closeCase("§8", documented, "2 hours of age close with 1001 (its reason: unknown)", CloseStatus{1001, "Going away"},
			func(w *world, p *peer) {
				for range 13 {
					w.clock.Advance(9*time.Minute + 13*time.Second)
					require.NoError(w.t, w.post(p, "x"))
				}
				w.clock.Advance(11 * time.Second)
			}),
		closeCase("§8", documented,
			"a gateway that shuts down closes with 1012, service restart (its reason: unknown)",
			CloseStatus{1012, ""},
			func(w *world, _ *peer) { require.NoError(w.t, w.gw.Shutdown(context.Background())) }),
		{
			section: "§8", mark: observed, behavior: "traffic in either direction postpones the idle timeout",
			check: func(w *world) {
				t := w.t
				p := w.connect()
				for range 2 {
					w.clock.Advance(6 * time.Minute)
					p.text("x")
					w.event("$default")
					w.quiesce()
					w.clock.Advance(6 * time.Minute)
					require.NoError(t, w.post(p, "x"))
				}
				w.noEvent()
				w.clock.Advance(10 * time.Minute)
				require.Equal(t, "Going away", w.event("$disconnect").Context.Reason)
			},
		},
		{
			section: "§8", mark: documented, behavior: "a URL above 4096 characters is refused (with 414: unknown)",
			fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				_, a := w.front.dial(w, Handshake{Query: url.Values{"x": {strings.Repeat("x", 4096)}}})
				require.Equal(t, http.StatusRequestURITooLong, a.status)
				w.noEvent()
			},
		},
	}
}

func disconnectCases() []conformanceCase {
	reported := func(mark, behavior string, want CloseStatus, happen func(p *peer)) conformanceCase {
		return conformanceCase{
			section: "§9", mark: mark, behavior: behavior,
			check: func(w *world) {
				t := w.t
				p := w.connect()
				happen(p)
				c := w.event("$disconnect").Context
				require.Equal(t, want, CloseStatus{c.Code, c.Reason})
				w.noEvent()
				require.ErrorIs(t, w.post(p, "x"), gatesock.ErrGone)
			},
		}
	}
	return []conformanceCase{
		reported(documented, "a close frame without a code: 1005 and its text",
			CloseStatus{1005, "Client-side close frame status not set"},
			func(p *peer) { p.close(0, "") }),
		reported(observed, "a closed tab: 1001 with an empty reason", CloseStatus{1001, ""},
			func(p *peer) { p.close(1001, "") }),
		reported(inferred, "the client's own code and reason are passed through", CloseStatus{4001, "enough é"},
			func(p *peer) { p.close(4001, "enough é") }),
		{
			section: "§9", mark: inferred,
			behavior: "… with every code that a close frame may have: 1000–1003, 1007–1014, 3000–4999",
			check: func(w *world) {
				for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999} {
					w.connect().close(code, "why")
					c := w.event("$disconnect").Context
					require.Equal(w.t, CloseStatus{code, "why"}, CloseStatus{c.Code, c.Reason})
				}
			},
		},
		{
			section: "§9", mark: inferred, behavior: "another code is a protocol error: 1002",
			check: func(w *world) {
				for _, code := range []int{999, 1004, 1006, 1015, 1016, 2999, 5000} {
					p := w.connect()
					p.close(code, "why")
					require.Equal(w.t, CloseStatus{Code: 1002}, w.end(p))
					require.Equal(w.t, 1002, w.event("$disconnect").Context.Code)
				}
			},
		},
		reported(observed, "a lost connection: 1006 (documented) and its text", CloseStatus{1006, "Connection closed " +
			"abnormally"},
			func(p *peer) { p.drop() }),
		closeCase("§9", observed, "DELETE closes with 1000 Connection Closed Normally",
			CloseStatus{1000, "Connection Closed Normally"},
			func(w *world, p *peer) {
				require.NoError(w.t, w.gw.Disconnect(context.Background(), gatesock.Target{ConnectionID: p.id}))
			}),
		{
			section: "§9", mark: documented, behavior: "without a $disconnect route nothing is invoked",
			config: Config{Routes: routes("$connect", "$default")},
			check: func(w *world) {
				w.connect().close(1000, "")
				w.noEvent()
			},
		},
		{
			section: "§9", mark: observed, behavior: "the gateway answers a client's close frame with its code",
			fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.close(4001, "bye")
				require.Equal(t, 4001, w.end(p).Code)
			},
		},
	}
}

func keepaliveCases() []conformanceCase {
	return []conformanceCase{
		{
			section: "§10", mark: inferred, behavior: "a ping is answered with a pong, and control frames reach no handler",
			fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				p := w.connect()
				p.ping()
				require.Equal(t, "pong:ping", w.frame(p))
				w.noEvent()
			},
		},
		{
			section: "§10", mark: unknown, behavior: "pings do not postpone the idle timeout",
			check: func(w *world) {
				t := w.t
				p := w.connect()
				w.clock.Advance(9 * time.Minute)
				p.ping()
				w.clock.Advance(time.Minute)
				require.Equal(t, 1001, w.event("$disconnect").Context.Code)
			},
		},
		{
			section: "§10", mark: unknown, behavior: "… or do, by option",
			config: Config{Undocumented: Undocumented{PingResetsIdle: true}},
			check: func(w *world) {
				t := w.t
				p := w.connect()
				w.clock.Advance(9 * time.Minute)
				p.ping()
				if _, overSockets := w.front.(*sockets); overSockets {
					require.Equal(t, "pong:ping", w.frame(p))
				}
				w.clock.Advance(9 * time.Minute)
				w.noEvent()
			},
		},
		mockKeepaliveCase(),
	}
}
