package intercept

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
)

// authorities returns certificates that are kept in a folder of the test, and a configuration of
// clients that trust them.
func authorities(tb testing.TB, domains ...string) (*certificates, *tls.Config) {
	tb.Helper()
	certs, err := newCertificates(tb.TempDir(), domains, time.Now)
	require.NoError(tb, err)
	return certs, trusting(certs.pem())
}

// trusting returns a configuration of clients.
func trusting(certificates []byte) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificates)
	return &tls.Config{RootCAs: pool}
}

// either returns both ends of a connection that speaks TLS or plain text.
func either(certs *certificates) (client net.Conn, server *eitherConn) {
	client, raw := net.Pipe()
	return client, &eitherConn{Conn: raw, config: certs.config(false)}
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	return l
}

func dial(tb testing.TB, address string) net.Conn {
	tb.Helper()
	conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", address)
	require.NoError(tb, err)
	tb.Cleanup(func() { conn.Close() })
	return conn
}

// get returns the status and the body of the answer to a request.
func get(tb testing.TB, client *http.Client, address string) (int, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, nil)
	require.NoError(tb, err)
	return do(tb, client, request)
}

func do(tb testing.TB, client *http.Client, request *http.Request) (int, string) {
	tb.Helper()
	response, err := client.Do(request)
	require.NoError(tb, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	return response.StatusCode, string(body)
}

func TestListenerSpeaksBoth(t *testing.T) {
	t.Parallel()
	certs, trust := authorities(t)
	l := listen(t)
	i := &Interceptor{certs: certs}
	server := http.Server{ //nolint:gosec // its clients are those of the test
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }),
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(emulator.NewListener(i.Listen(l))) })
	defer served.Wait()
	defer server.Close()

	// Clients that send nothing, or one byte, keep nobody waiting.
	silent, slow := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	_, err := slow.Write([]byte("G"))
	require.NoError(t, err)

	transport := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	for _, base := range []string{"http://127.0.0.1:", "https://127.0.0.1:", "https://localhost:"} {
		for range 2 { // the second time on the same connection
			status, body := get(t, client, base+port+"/path")
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, "/path", body)
		}
	}

	for conn, request := range map[net.Conn]string{silent: "GET / HTTP/1.0\r\n\r\n", slow: "ET / HTTP/1.0\r\n\r\n"} {
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Contains(t, string(answer), "200 OK")
	}
}

// dribble passes on one byte at a time.
type dribble struct{ net.Conn }

func (c dribble) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(1, len(p))]) }

func TestBytesThatComeOneByOne(t *testing.T) {
	t.Parallel()
	certs, trust := authorities(t)
	trust.ServerName = "localhost"
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"plain": func(c net.Conn) net.Conn { return c },
		"TLS":   func(c net.Conn) net.Conn { return tls.Client(c, trust) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, server := either(certs)
			server.Conn = dribble{server.Conn}
			client := wrap(raw)
			var writing sync.WaitGroup
			writing.Go(func() {
				_, _ = io.WriteString(client, "hello")
				_ = client.Close()
			})
			got, err := io.ReadAll(server)
			require.NoError(t, err)
			require.Equal(t, "hello", string(got))
			require.Equal(t, name == "TLS", server.secure != nil)
			_ = server.Close() // the client has gone
			writing.Wait()
		})
	}
}

func TestDeadlineBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	certs, trust := authorities(t)
	trust.ServerName = "localhost"
	raw, server := either(certs)
	require.NoError(t, server.SetReadDeadline(time.Now().Add(-time.Second)))
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	require.NoError(t, server.SetReadDeadline(time.Time{})) // as net/http does between requests
	client := tls.Client(raw, trust)
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = io.WriteString(client, "x") })
	got := make([]byte, 1)
	_, err = io.ReadFull(server, got)
	require.NoError(t, err)
	require.Equal(t, "x", string(got))
	writing.Wait()

	require.NoError(t, server.SetDeadline(time.Now().Add(-time.Second)))
	_, err = server.Read(got)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, raw.Close())
	_ = server.Close() // the client has gone
}

func TestCloseBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	certs, _ := authorities(t)
	_, server := either(certs)
	var reading sync.WaitGroup
	var err error
	reading.Go(func() { _, err = server.Read(make([]byte, 1)) })
	require.NoError(t, server.Close())
	reading.Wait()
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestClientThatSendsNothing(t *testing.T) {
	t.Parallel()
	certs, _ := authorities(t)
	client, server := either(certs)
	require.NoError(t, client.Close())
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = server.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// empty is a connection that breaks the contract of io.Reader.
type empty struct{ net.Conn }

func (empty) Read([]byte) (int, error) { return 0, nil }

func TestReadOfNothing(t *testing.T) {
	t.Parallel()
	_, err := (&eitherConn{Conn: empty{}}).Read(make([]byte, 1))
	require.ErrorIs(t, err, io.ErrNoProgress)
}

func TestWriteBeforeTheFirstByteIsPlain(t *testing.T) {
	t.Parallel()
	certs, _ := authorities(t)
	client, server := either(certs)
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = io.WriteString(server, "HTTP/1.1 408\r\n")
		_ = server.Close()
	})
	got, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 408\r\n", string(got))
	writing.Wait()
}

func TestCloseWrite(t *testing.T) {
	t.Parallel()
	certs, trust := authorities(t)
	trust.ServerName = "127.0.0.1"
	l := listen(t)
	defer l.Close()
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"plain": func(c net.Conn) net.Conn { return c },
		"TLS":   func(c net.Conn) net.Conn { return tls.Client(c, trust) },
	} {
		client := wrap(dial(t, l.Addr().String()))
		raw, err := l.Accept()
		require.NoError(t, err, name)
		server := &eitherConn{Conn: raw, config: certs.config(false)}
		var answering sync.WaitGroup
		answering.Go(func() {
			_, _ = io.ReadFull(server, make([]byte, 1))
			_ = server.CloseWrite()
			_, _ = io.Copy(server, server) // what comes later still arrives
			_ = server.Close()
		})
		_, err = io.WriteString(client, "x")
		require.NoError(t, err, name)
		got, err := io.ReadAll(client)
		require.NoError(t, err, name)
		require.Empty(t, got, name)
		require.NoError(t, client.Close(), name)
		answering.Wait()
	}
	_, pipe := net.Pipe()
	require.ErrorIs(t, (&eitherConn{Conn: pipe}).CloseWrite(), errors.ErrUnsupported)
}

// FuzzFirstBytes sends anything: the server must not hang or panic, and what is not TLS arrives.
func FuzzFirstBytes(f *testing.F) {
	for _, seed := range []string{
		"", "GET / HTTP/1.1\r\n\r\n", "\x16", "\x16\x03\x01\x00\x05hello", "\x16\x030\x00\x010",
		"\x15\x03\x01\x00\x02\x01\x00", "\x80\x00",
	} {
		f.Add([]byte(seed))
	}
	certs, _ := authorities(f)
	f.Fuzz(func(t *testing.T, sent []byte) {
		client, server := either(certs)
		var sending sync.WaitGroup
		sending.Go(func() {
			if len(sent) > 0 { // a pipe passes on that nothing was written
				_, _ = client.Write(sent)
			}
			_ = client.Close()
		})
		var answers sync.WaitGroup
		answers.Go(func() { _, _ = io.Copy(io.Discard, client) })
		got, err := io.ReadAll(server)
		_ = server.Close()
		sending.Wait()
		answers.Wait()
		if len(sent) > 0 && sent[0] == tlsHandshake {
			require.Empty(t, got) // no handshake is as short as that
			return
		}
		require.NoError(t, err)
		require.True(t, bytes.Equal(sent, got), "%q became %q", sent, got)
	})
}
