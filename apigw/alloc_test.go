package apigw

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

// frugal is a gateway over TLS that answers every request with 200 and allocates nothing for it, so that what is
// counted is the client's.
func frugal(t *testing.T) (endpoint string, cfg *tls.Config) {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	t.Cleanup(donor.Close)
	tcp, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It is closed below.
	require.NoError(t, err)
	listener := tls.NewListener(tcp, &tls.Config{Certificates: donor.TLS.Certificates, MinVersion: tls.VersionTLS12})
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { answerAll(conn) })
		}
	})
	return "https://" + tcp.Addr().String() + "/dev", donor.Client().Transport.(*http.Transport).TLSClientConfig
}

// answerAll answers requests whose body has 512 bytes.
func answerAll(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	ok := []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-amzn-RequestId: 5b9f2c1e\r\n\r\n")
	for {
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
		}
		if _, err := r.Discard(512); err != nil {
			return
		}
		if _, err := conn.Write(ok); err != nil {
			return
		}
	}
}

func TestAllocsPerPost(t *testing.T) {
	endpoint, cfg := frugal(t)
	token := strings.Repeat("t", 1200)
	for name, c := range map[string]struct {
		max  float64
		opts []Option
	}{
		"direct":   {20, []Option{WithTLSConfig(cfg)}},
		"net/http": {45, []Option{OverNetHTTP(cfg, 1)}},
	} {
		client, err := New(credentials.NewStaticCredentialsProvider("AKID", "SECRET", token), endpoint, c.opts...)
		require.NoError(t, err)
		t.Cleanup(client.CloseIdleConnections)
		post := client.Prepare(make([]byte, 512))
		allocs := testing.AllocsPerRun(300, func() {
			if err := post(t.Context(), gatesock.Target{ConnectionID: "R0oXAdfD0kwCH6w="}); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %v allocations a post", name, allocs)
		require.LessOrEqual(t, allocs, c.max, name)
	}
}
