package emulator

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"
)

// protocolCase checks the code that ends a connection after these bytes. Its section is RFC 6455,
// whose rules AWS does not repeat.
func protocolCase(behavior string, code int, frames ...[]byte) conformanceCase {
	return conformanceCase{
		section: "RFC 6455", mark: inferred, behavior: behavior, fronts: socketsOnly,
		check: func(w *world) {
			t := w.t
			u, err := url.Parse(w.front.(*sockets).server(w).URL)
			require.NoError(t, err)
			conn, in, a := handshake(w, u, nil)
			require.Equal(t, 101, a.status)
			w.event("$connect")
			for _, f := range frames {
				_, err = conn.Write(f)
				require.NoError(t, err)
			}
			got := make(chan string, 10)
			require.Equal(t, code, readFrames(in, got).Code)
			require.NoError(t, conn.Close())
			require.Equal(t, code, w.event("$disconnect").Context.Code)
			w.noEvent()
		},
	}
}

func protocolCases() []conformanceCase {
	return []conformanceCase{
		protocolCase("an unmasked frame: 1002", 1002, []byte("\x81\x01x")),
		protocolCase("a reserved bit: 1002", 1002, reserved(masked(opText, true, "x"))),
		protocolCase("a reserved opcode: 1002", 1002, masked(0x3, true, "x")),
		protocolCase("a control frame in fragments: 1002", 1002, masked(opPing, false, "x")),
		protocolCase("a control frame above 125 bytes: 1002", 1002, masked(opPing, true, string(make([]byte, 126)))),
		protocolCase("a continuation without a message: 1002", 1002, masked(opContinuation, true, "x")),
		protocolCase("a new message inside another: 1002", 1002, masked(opText, false, "x"), masked(opText, true, "x")),
		protocolCase("a close frame with half a code: 1002", 1002, masked(opClose, true, "\x03")),
		protocolCase("a close frame with a code that may not be sent: 1002", 1002, masked(opClose, true, "\x03\xed")),
		protocolCase("a close frame with code 5000: 1002", 1002, masked(opClose, true, "\x13\x88")),
		protocolCase("a close frame whose reason is not UTF-8: 1007", 1007, masked(opClose, true, "\x03\xe8\xff")),
		{
			section: "RFC 6455", mark: inferred,
			behavior: "what a client sends after its close frame is ignored, and the connection ends in order",
			fronts:   socketsOnly,
			check: func(w *world) {
				t := w.t
				u, err := url.Parse(w.front.(*sockets).server(w).URL)
				require.NoError(t, err)
				conn, in, _ := handshake(w, u, nil)
				w.event("$connect")
				sent := masked(opClose, true, "\x03\xe8")
				late := masked(opText, true, strings.Repeat("x", 16*kb))
				_, err = conn.Write(append(sent, bytes.Repeat(late, 8)...))
				require.NoError(t, err)
				got := make(chan string, 10)
				require.Equal(t, 1000, readFrames(in, got).Code)
				_, err = in.ReadByte()
				require.Equal(t, io.EOF, err, "no reset")
				require.NoError(t, conn.Close())
				require.Equal(t, 1000, w.event("$disconnect").Context.Code)
				w.noEvent()
			},
		},
		{
			section: "RFC 6455", mark: inferred, behavior: "control frames may come between the frames of a message",
			fronts: socketsOnly,
			check: func(w *world) {
				t := w.t
				u, err := url.Parse(w.front.(*sockets).server(w).URL)
				require.NoError(t, err)
				conn, in, _ := handshake(w, u, nil)
				w.event("$connect")
				for _, f := range [][]byte{
					masked(opText, false, "a"), masked(opPing, true, "p"), masked(opContinuation, false, ""),
					masked(opPong, true, ""), masked(opContinuation, true, "b"),
				} {
					_, err = conn.Write(f)
					require.NoError(t, err)
				}
				require.Equal(t, "ab", *w.event("$default").Body)
				op, _, _, err := readFrame(in)
				require.NoError(t, err)
				require.Equal(t, opPong, op)
				require.NoError(t, conn.Close())
				require.Equal(t, 1006, w.event("$disconnect").Context.Code)
			},
		},
		{
			section: "RFC 6455", mark: inferred,
			behavior: "a handshake with a bad key is 400, of another version 426, at another path 403",
			fronts:   socketsOnly,
			check: func(w *world) {
				t := w.t
				u, err := url.Parse(w.front.(*sockets).server(w).URL)
				require.NoError(t, err)
				status := func(path, name, value string) int {
					u := *u
					u.Path += path
					conn, _, a := handshake(w, &u, map[string][]string{name: {value}})
					require.NoError(t, conn.Close())
					return a.status
				}
				require.Equal(t, 400, status("", "Sec-Websocket-Key", "short"))
				require.Equal(t, 426, status("", "Sec-Websocket-Version", "8"))
				require.Equal(t, 403, status("/more", "X", "x"))
				require.NoError(t, w.gw.Quiesce(context.Background()))
				w.noEvent()
			},
		},
	}
}
