package emulator

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
)

func TestNegotiateDeflate(t *testing.T) {
	t.Parallel()
	for offer, want := range map[string]string{
		"permessage-deflate":                         "permessage-deflate",
		"permessage-deflate; client_max_window_bits": "permessage-deflate",

		"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12":  "permessage-deflate;server_max_window_bits=12",
		`permessage-deflate; server_max_window_bits="9"`:                            "permessage-deflate;server_max_window_bits=9",
		"permessage-deflate;server_no_context_takeover;client_no_context_takeover":  "permessage-deflate;server_no_context_takeover",
		"x-other, permessage-deflate; server_max_window_bits=7, permessage-deflate": "permessage-deflate",
		"permessage-deflate; server_max_window_bits":                                "",
		"permessage-deflate; server_max_window_bits=16":                             "",
		"permessage-deflate; client_max_window_bits=x":                              "",
		"permessage-deflate; server_no_context_takeover=1":                          "",
		"permessage-deflate; x":                                                     "",
		"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9":    "",
		"permessage-deflates":                                                       "",
		"":                                                                          "",
	} {
		got := ""
		if d := negotiateDeflate(http.Header{"Sec-Websocket-Extensions": {offer}}); d != nil {
			got = d.String()
		}
		require.Equal(t, want, got, offer)
	}
	require.Nil(t, negotiateDeflate(http.Header{}))
}

// What the gateway compresses, a client with the window that it asked for can read.
func TestCompress(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"aa", "chat", "{}", "0123456789", " "}), 0, 5000).Draw(rt, "words")
		data := []byte(strings.Join(words, ""))
		d := &deflation{windowBits: rapid.SampledFrom([]int{0, 8, 12, 15}).Draw(rt, "bits")}
		compressed, shorter := d.compress(data)
		if !shorter {
			return
		}
		require.Less(rt, len(compressed), len(data))
		got, err := io.ReadAll(flate.NewReader(strings.NewReader(string(compressed) + flushed + ended)))
		require.NoError(rt, err)
		require.Equal(rt, data, got)
		got, err = new(inflater).inflate(compressed)
		require.NoError(rt, err)
		require.Equal(rt, data, got)
	})
	for _, short := range []string{"", "x", "abcdefgh"} {
		_, shorter := new(deflation).compress([]byte(short))
		require.False(t, shorter)
	}
}

// No reference of a compressed message reaches further back than the window.
func TestCompressStaysInTheWindow(t *testing.T) {
	t.Parallel()
	block := bytes.Repeat([]byte("0123456789abcdef!"), 16)[:256] // repeats itself after a window of 8 bits
	data := bytes.Repeat(append(block, make300()...), 20)
	whole, _ := new(deflation).compress(data)
	parts, _ := (&deflation{windowBits: 8}).compress(data)
	require.Greater(t, len(parts), 3*len(whole), "each window is compressed by itself")
}

// An independent client that compresses, with and without the context of earlier messages.
func TestCompressedMessages(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]websocket.CompressionMode{
		"with context": websocket.CompressionContextTakeover, "without": websocket.CompressionNoContextTakeover,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sizes []int
			w := newWorld(t, newSockets(), Config{
				Compression: true, Routes: routes("$connect", "$default!"),
				Observe: func(e Event) {
					if e.Kind == EventReceived {
						sizes = append(sizes, e.Bytes)
					}
				},
			}, on("$default", func(_ context.Context, event []byte) ([]byte, error) {
				in, err := read(event)
				return append(append([]byte(`{"statusCode":200,"body":`), quoted(*in.Body)...), '}'), err
			}))
			ctx := context.Background()
			options := &websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1}
			c, r, err := websocket.Dial(ctx, w.front.(*sockets).server(w).URL, options) //nolint:bodyclose // never needed
			require.NoError(t, err)
			require.Contains(t, r.Header.Get(headerExtensions), "permessage-deflate")
			c.SetReadLimit(-1)
			for i := range 40 {
				message := strings.Repeat("say something, ", 1+i*i*4)
				require.NoError(t, c.Write(ctx, websocket.MessageText, []byte(message)))
				_, data, err := c.Read(ctx)
				require.NoError(t, err)
				require.Equal(t, message, string(data))
				require.Equal(t, len(message), sizes[i])
			}
			require.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
		})
	}
}

func quoted(s string) []byte { return append(append([]byte{'"'}, s...), '"') }

// compressedFrame returns a frame with a compressed message.
func compressedFrame(payload []byte) []byte { return reserved(masked(opText, true, string(payload))) }

// deflateCases are those of permessage-deflate (docs/gateway-facts.md, §3).
func deflateCases() []conformanceCase {
	const offer = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"
	offering := Handshake{Header: http.Header{headerExtensions: {offer}}}
	bomb, _ := new(deflation).compress(make([]byte, gatesock.MaxMessageSize+1))
	ends := func(behavior, mark string, code int, frame []byte) conformanceCase {
		return conformanceCase{
			section: "§3", mark: mark, behavior: behavior, fronts: socketsOnly,
			config: Config{Compression: true},
			check: func(w *world) {
				conn, in, a := handshake(w, mustURL(w.t, w.front.(*sockets).server(w).URL), offering.Header)
				require.Equal(w.t, http.StatusSwitchingProtocols, a.status)
				defer func() { require.NoError(w.t, conn.Close()) }()
				_, err := conn.Write(frame)
				require.NoError(w.t, err)
				require.Equal(w.t, code, readFrames(in, make(chan string, 1)).Code)
			},
		}
	}
	hello, _ := new(deflation).compress([]byte("hello hello hello hello"))
	return []conformanceCase{
		{
			section: "§3", mark: observed, behavior: "permessage-deflate is negotiated, by option, with the window that the client asks for",
			fronts: socketsOnly, config: Config{Compression: true},
			check: func(w *world) {
				_, a := w.front.dial(w, offering)
				require.Equal(w.t, "permessage-deflate;server_max_window_bits=12", a.header.Get(headerExtensions))
				_, a = w.front.dial(w, Handshake{})
				require.Empty(w.t, a.header.Get(headerExtensions), "the client has not offered it")
			},
		},
		{
			section: "§3", mark: unknown, behavior: "… but not by default, so that frames can be read on the wire",
			fronts: socketsOnly,
			check: func(w *world) {
				p, a := w.front.dial(w, offering)
				require.Empty(w.t, a.header.Get(headerExtensions))
				p.id = w.event("$connect").Context.ConnectionID
				require.NoError(w.t, w.post(p, strings.Repeat("x", 100)))
				require.Equal(w.t, strings.Repeat("x", 100), w.frame(p))
			},
		},
		{
			section: "§3", mark: inferred, behavior: "compressed messages reach the handler as they were, plain ones too",
			fronts: socketsOnly, config: Config{Compression: true},
			check: func(w *world) {
				conn, _, _ := handshake(w, mustURL(w.t, w.front.(*sockets).server(w).URL), offering.Header)
				defer func() { require.NoError(w.t, conn.Close()) }()
				w.event("$connect")
				_, err := conn.Write(append(compressedFrame(hello), masked(opText, true, "plain")...))
				require.NoError(w.t, err)
				bodies := []string{*w.event("$default").Body, *w.event("$default").Body}
				require.ElementsMatch(w.t, []string{"hello hello hello hello", "plain"}, bodies)
			},
		},
		ends("a message above 128 KB when it is decompressed closes with 1009", unknown, 1009, compressedFrame(bomb)),
		ends("a message that can't be decompressed closes with 1007", unknown, 1007, compressedFrame([]byte("\xff\xff\xff"))),
		ends("a compressed message that is not UTF-8 closes with 1007", unknown, 1007, compressedFrame([]byte("\x00\x01\x00\xfe\xff\xff"))),
		ends("a compressed control frame: 1002", inferred, 1002, reserved(masked(opPing, true, "x"))),
		ends("a compressed continuation: 1002", inferred, 1002,
			append(masked(opText, false, "x"), reserved(masked(opContinuation, true, "x"))...)),
	}
}
