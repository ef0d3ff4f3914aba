package emulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const spelledHandshake = "GET /local HTTP/1.1\r\nhost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"sec-websocket-version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHeaderAuth1: v\r\n\r\n"

// talk writes a handshake after what came before it on the connection, and returns the headers of its $connect.
func talk(t *testing.T, w *world, conn net.Conn, before ...string) map[string]string {
	t.Helper()
	in := bufio.NewReader(conn)
	for _, request := range before {
		_, err := io.WriteString(conn, request)
		require.NoError(t, err)
		for range strings.Count(request, " HTTP/1.1\r\nHost: localhost\r\nContent-Length") {
			resp, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
	}
	_, err := io.WriteString(conn, spelledHandshake)
	require.NoError(t, err)
	resp, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 101, resp.StatusCode)
	headers := w.event("$connect").Headers
	require.NoError(t, conn.Close())
	w.event("$disconnect")
	return headers
}

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	return conn
}

// Other requests on the connection, whatever they carry, do not take the spelling from the one that counts.
func TestSpellingAfterOtherRequests(t *testing.T) {
	t.Parallel()
	misleading := "POST /local/@connections/" + wellFormed + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 54\r\n\r\n" +
		"GET /local HTTP/1.1\r\nheaderauth1: x\r\nconnection: y\r\n\r\n"
	large := "POST /local/@connections/" + wellFormed + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 131072\r\n\r\n" +
		strings.Repeat("x", 128*kb)
	for name, before := range map[string][]string{
		"one":       {misleading},
		"pipelined": {misleading + misleading},
		"large":     {large, misleading, large},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, newSockets(), Config{}, nil)
			addr := strings.TrimPrefix(w.front.(*sockets).server(w).URL, "ws://")
			headers := talk(t, w, dialTCP(t, strings.TrimSuffix(addr, "/local")), before...)
			require.Equal(t, "v", headers["HeaderAuth1"])
			require.Equal(t, "13", headers["sec-websocket-version"])
		})
	}
}

// Neither does what the request itself has, nor what comes with it before the answer.
func TestSpellingBesideTheSameLine(t *testing.T) {
	t.Parallel()
	const line = "GET /local HTTP/1.1"
	_, headers, _ := strings.Cut(spelledHandshake, "\r\n")
	frame := line + "\r\nheaderauth1: x\r\n\r\n"
	for name, request := range map[string]string{
		"in a value":          line + "\r\nX-Original: " + line + "\r\n" + headers,
		"in the last value":   strings.TrimSuffix(spelledHandshake, "\r\n") + "X-Original: " + line + "\r\n\r\n",
		"in a frame, early":   spelledHandshake + "\x81" + string(rune(len(frame))) + frame,
		"in a value, folded":  line + "\r\nX-Original: a\r\n " + line + "\r\n" + headers,
		"in a frame, half":    spelledHandshake + line + "\r\nheaderauth1: x",
		"in an earlier frame": frame + spelledHandshake,
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(spelledHandshake)))
		require.NoError(t, err, name)
		names := spellings([]byte(request), line, r.Header)
		require.Equal(t, "HeaderAuth1", names["Headerauth1"], name)
		require.Equal(t, "sec-websocket-version", names["Sec-Websocket-Version"], name)
	}
}

func TestSpellingOverTLS(t *testing.T) {
	t.Parallel()
	donor := httptest.NewTLSServer(nil)
	t.Cleanup(donor.Close)
	w := newWorld(t, inMemory{}, Config{}, nil)
	server := httptest.NewUnstartedServer(w.gw)
	server.Listener = NewListener(tls.NewListener(server.Listener, &tls.Config{Certificates: donor.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	server.Start()
	t.Cleanup(server.Close)
	trusted := donor.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	conn := tls.Client(dialTCP(t, server.Listener.Addr().String()), &tls.Config{RootCAs: trusted, ServerName: "example.com", MinVersion: tls.VersionTLS12})
	require.Equal(t, "v", talk(t, w, conn)["HeaderAuth1"])
}

// Without the listener, and with a head that is too long for it, names are those of net/http, which the log says once.
func TestSpellingThatIsNotKnown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, inMemory{}, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	server := httptest.NewServer(w.gw)
	for range 2 {
		headers := talk(t, w, dialTCP(t, server.Listener.Addr().String()))
		require.Equal(t, "v", headers["Headerauth1"])
		require.Equal(t, "13", headers["Sec-WebSocket-Version"])
	}
	server.Close()
	require.NoError(t, w.gw.Shutdown(context.Background()))
	require.Equal(t, 1, strings.Count(log.String(), "NewListener"))

	require.Nil(t, spellings([]byte("GET /local HTTP/1.1\r\nHost: h\r\nX-"), "GET /local HTTP/1.1", nil), "half a head")
	var c headConn
	for range 100 {
		c.note(bytes.Repeat([]byte("x"), 4*kb))
		require.LessOrEqual(t, len(c.read), 2*keptHead)
	}
	c.note(bytes.Repeat([]byte("y"), 5*keptHead))
	require.LessOrEqual(t, len(c.read), 2*keptHead)
	c.forget()
	require.Nil(t, c.read)
}

// A head is whole again after its first half was kept beside much else, and an upgraded connection keeps nothing.
func TestSpellingIsKept(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	c := headConn{Conn: there}
	c.note(bytes.Repeat([]byte("x"), 2*keptHead-60))
	for _, half := range []string{spelledHandshake[:50], spelledHandshake[50:]} {
		c.note([]byte(half))
	}
	require.NotNil(t, spellings(c.read, "GET /local HTTP/1.1", nil))
	c.forget()
	go func() { _, _ = here.Write([]byte("frame")) }()
	n, err := c.Read(make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.Nil(t, c.read)
	require.NoError(t, errors.Join(here.Close(), there.Close()))
}
