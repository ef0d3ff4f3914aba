package intercept

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// foreign is a server of the name example.com, with TLS, and the developer's proxy that knows where
// it is.
func foreign(t *testing.T, user *url.Userinfo) (server *httptest.Server, proxy *url.URL, asked func() []string) {
	t.Helper()
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "example.com ", r.URL.Path, " ", r.Header.Get("X-Forwarded-For"))
	}))
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var requests []string
	corporate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.URL.Host+" "+r.Header.Get("Proxy-Authorization"))
		mu.Unlock()
		if r.Method != http.MethodConnect {
			fmt.Fprint(w, "proxied ", r.URL, " ", r.Header.Get("X-Forwarded-For"))
			return
		}
		if r.URL.Host != "example.com:443" {
			http.Error(w, "", http.StatusTeapot)
			return
		}
		far, err := new(net.Dialer).DialContext(r.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer far.Close()
		near, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer near.Close()
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(near, far)
			near.Close()
		})
		_, _ = io.Copy(far, rw)
		far.Close()
		back.Wait()
	}))
	t.Cleanup(corporate.Close)
	proxy, err := url.Parse(corporate.URL)
	require.NoError(t, err)
	proxy.User = user
	return server, proxy, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
}

func TestForeignHostPasses(t *testing.T) {
	t.Parallel()
	server, proxy, asked := foreign(t, url.UserPassword("me", "secret"))
	i := intercept(t, Config{Proxy: func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "127.0.0.1" { // as NO_PROXY does
			return nil, nil
		}
		return proxy, nil
	}})
	client := i.client(t, "chat")
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig // it has its own authority

	status, body := get(t, client, "https://example.com/a")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "example.com /a ", body)
	_, body = get(t, client, server.URL+"/b") // an address, without the developer's proxy
	require.Equal(t, "example.com /b ", body)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/c", nil)
	require.NoError(t, err)
	request.Header.Set("X-Forwarded-For", "198.51.100.1")
	_, body = do(t, client, request)
	require.Equal(t, "proxied http://example.com/c 198.51.100.1", body)

	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:secret"))
	require.Equal(t, []string{"CONNECT example.com:443 " + basic, "GET example.com " + basic}, asked())
	require.Empty(t, i.refused)
}

func TestForeignHostThatCannotBeReached(t *testing.T) {
	t.Parallel()
	_, proxy, _ := foreign(t, nil)
	nobody := listen(t)
	require.NoError(t, nobody.Close())
	for host, want := range map[string]struct {
		proxy func(*http.Request) (*url.URL, error)
		text  string
	}{
		"teapot.example.com:443":     {http.ProxyURL(proxy), "418 I'm a teapot"},
		nobody.Addr().String():       {nil, "connection refused"},
		"nobody.example.com:443":     {http.ProxyURL(&url.URL{Scheme: "http", Host: nobody.Addr().String()}), "connection refused"},
		"nobody.tls.example.com:443": {http.ProxyURL(&url.URL{Scheme: "https", Host: nobody.Addr().String()}), "connection refused"},
		"socks.example.com:443":      {http.ProxyURL(&url.URL{Scheme: "socks5", Host: "x"}), `proxies of the kind "socks5" are not supported`},
		"undecided.example.com:443":  {func(*http.Request) (*url.URL, error) { return nil, io.ErrNoProgress }, io.ErrNoProgress.Error()},
	} {
		i := intercept(t, Config{Proxy: want.proxy})
		conn, status := i.connectFor(t, host)
		require.Equal(t, http.StatusBadGateway, status, host)
		require.Contains(t, conn, "gatesock dev: ", host)
		require.Contains(t, conn, want.text, host)
	}
	i := intercept(t, Config{})
	status, body := get(t, i.client(t, "chat"), "http://"+nobody.Addr().String())
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, body, "connection refused")
}

// connectFor returns the answer of the proxy to CONNECT.
func (i *intercepting) connectFor(t *testing.T, host string) (body string, status int) {
	t.Helper()
	proxy, err := url.Parse(i.environ(t, Child{})["HTTPS_PROXY"])
	require.NoError(t, err)
	conn := dial(t, i.address)
	_, err = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\nProxy-Authorization: Basic %s\r\n\r\n",
		host, base64.StdEncoding.EncodeToString([]byte(proxy.User.String())))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text), response.StatusCode
}

func TestEndOfATunnel(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	l := listen(t)
	defer l.Close()
	near, status := i.connect(t, "chat", l.Addr().String())
	require.Equal(t, http.StatusOK, status)
	far, err := l.Accept()
	require.NoError(t, err)

	// The end of one direction is passed on, and the other stays open.
	_, err = io.WriteString(near, "question")
	require.NoError(t, err)
	require.NoError(t, near.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, "question", string(got))
	_, err = io.WriteString(far, "answer")
	require.NoError(t, err)
	require.NoError(t, far.Close())
	got, err = io.ReadAll(near)
	require.NoError(t, err)
	require.Equal(t, "answer", string(got))

	// A child that is killed takes its connection with it, and so does the interceptor.
	killed, _ := i.connect(t, "chat", l.Addr().String())
	far, err = l.Accept()
	require.NoError(t, err)
	require.NoError(t, killed.(*net.TCPConn).SetLinger(0))
	require.NoError(t, killed.Close())
	_, _ = io.ReadAll(far)
	require.NoError(t, far.Close())
	_, _ = i.connect(t, "chat", l.Addr().String())
	far, err = l.Accept()
	require.NoError(t, err)
	i.drain(t)
	_, _ = io.ReadAll(far)
	require.NoError(t, far.Close())
}
