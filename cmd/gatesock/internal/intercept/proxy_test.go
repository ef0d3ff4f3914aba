package intercept

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
)

const tableHost = "dynamodb.us-east-1.amazonaws.com"

// intercepting is an interceptor under test. It serves tableHost with a description of the request.
type intercepting struct {
	*Interceptor

	mu         sync.Mutex
	refused    []string
	distrusted []string
}

func (i *intercepting) note(list *[]string) func(host, who string) {
	return func(host, who string) {
		i.mu.Lock()
		defer i.mu.Unlock()
		*list = append(*list, who+" "+host)
	}
}

func intercept(t *testing.T, cfg Config) *intercepting {
	t.Helper()
	i := &intercepting{}
	cfg.Folder, cfg.Refused, cfg.Distrusted = t.TempDir(), i.note(&i.refused), i.note(&i.distrusted)
	if cfg.Environ == nil {
		cfg.Environ = []string{}
	}
	if cfg.Proxy == nil {
		cfg.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	if cfg.Host == nil {
		cfg.Host = func(host string) http.Handler {
			if host == tableHost {
				return http.HandlerFunc(describeRequest)
			}
			return nil
		}
	}
	var err error
	i.Interceptor, err = Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Close(context.WithoutCancel(t.Context()))) })
	return i
}

func describeRequest(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s for %s by %s", r.Method, r.URL.Path, r.Host, Caller(r.Context()))
}

// environ returns the variables of a child.
func (i *intercepting) environ(t *testing.T, c Child) map[string]string {
	t.Helper()
	env, err := i.Environ(c)
	require.NoError(t, err)
	variables := map[string]string{}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		require.NotContains(t, variables, name)
		variables[name] = value
	}
	return variables
}

// client is an HTTP client with the environment of a child, as that of a function in Go.
func (i *intercepting) client(t *testing.T, child string) *http.Client {
	t.Helper()
	env := i.environ(t, Child{Name: child})
	proxy, err := url.Parse(env["HTTPS_PROXY"])
	require.NoError(t, err)
	certificates, err := os.ReadFile(env["NODE_EXTRA_CA_CERTS"])
	require.NoError(t, err)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: trusting(certificates)}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// socket connects to where Node.js does.
func (i *intercepting) socket(t *testing.T, child string) net.Conn {
	t.Helper()
	var settings struct{ To struct{ Path string } }
	require.NoError(t, json.Unmarshal([]byte(i.environ(t, Child{Name: child})["GATESOCK_INTERCEPT"]), &settings))
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", settings.To.Path)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// connect asks the proxy for a connection and returns it with the status of the answer.
func (i *intercepting) connect(t *testing.T, child, host string) (net.Conn, int) {
	t.Helper()
	conn := dial(t, i.address)
	proxy, err := url.Parse(i.environ(t, Child{Name: child})["HTTPS_PROXY"])
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\nProxy-Authorization: Basic %s\r\n\r\n",
		host, base64.StdEncoding.EncodeToString([]byte(proxy.User.String())))
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // of a tunnel
	require.NoError(t, err)
	if response.StatusCode == http.StatusOK {
		require.Zero(t, in.Buffered())
	}
	return conn, response.StatusCode
}

func TestHostOfAWSIsServedHere(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{Domains: []string{"Chat.Example.com"}, Host: func(host string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, host, " ")
			describeRequest(w, r)
		})
	}})
	a, b := i.client(t, "a"), i.client(t, "b")
	for address, want := range map[string]string{
		"https://dynamodb.us-east-1.amazonaws.com/x":        "dynamodb.us-east-1.amazonaws.com GET /x for dynamodb.us-east-1.amazonaws.com",
		"https://dynamodb.us-east-1.amazonaws.com:443/x":    "dynamodb.us-east-1.amazonaws.com GET /x for dynamodb.us-east-1.amazonaws.com:443",
		"http://sqs.cn-north-1.amazonaws.com.cn/":           "sqs.cn-north-1.amazonaws.com.cn GET / for sqs.cn-north-1.amazonaws.com.cn",
		"https://abc.lambda-url.us-east-1.on.aws/":          "abc.lambda-url.us-east-1.on.aws GET / for abc.lambda-url.us-east-1.on.aws",
		"https://BUCKET.s3.dualstack.eu-west-1.API.aws/k":   "bucket.s3.dualstack.eu-west-1.api.aws GET /k for BUCKET.s3.dualstack.eu-west-1.API.aws",
		"https://chat.example.com/":                         "chat.example.com GET / for chat.example.com",
		"http://169.254.169.254/latest/meta-data/":          "169.254.169.254 GET /latest/meta-data/ for 169.254.169.254",
		"http://[fd00:ec2::254]/latest/meta-data/iam/info/": "fd00:ec2::254 GET /latest/meta-data/iam/info/ for [fd00:ec2::254]",
	} {
		status, body := get(t, a, address)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, want+" by a", body)
		_, body = get(t, b, address)
		require.Equal(t, want+" by b", body)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	var group sync.WaitGroup
	for n := range 4 {
		client := i.client(t, fmt.Sprint("child ", n))
		for range 8 {
			group.Go(func() {
				status, body := get(t, client, "https://"+tableHost)
				if want := fmt.Sprintf("GET / for %s by child %d", tableHost, n); status != 200 || body != want {
					t.Errorf("%d %q, want %q", status, body, want)
				}
			})
		}
	}
	group.Wait()
}

func TestUnknownHostOfAWSIsRefused(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	client := i.client(t, "chat")
	for range 2 {
		status, body := get(t, client, "https://kms.us-east-1.amazonaws.com/")
		require.Equal(t, http.StatusForbidden, status)
		require.JSONEq(t, `{"__type":"NotServedByGatesockDevException",
			"message":"gatesock dev: nothing on this machine serves kms.us-east-1.amazonaws.com. AWS was not called."}`, body)
	}
	_, status := i.connect(t, "chat", "db.rds.amazonaws.com:5432")
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, []string{"chat kms.us-east-1.amazonaws.com", "chat db.rds.amazonaws.com"}, i.refused)
}

func TestWithoutAHandlerEverythingIsRefused(t *testing.T) {
	t.Parallel()
	i, err := Start(t.Context(), Config{Folder: t.TempDir()})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	i.answer(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+tableHost, nil))
	require.Equal(t, http.StatusForbidden, w.Code)
	require.NoError(t, i.Close(t.Context()))
	require.NoError(t, i.Close(t.Context()), "it may be called again")

	// A connection that arrives at the last moment is closed, and a request is not served.
	near, far := net.Pipe()
	_, err = i.conns.link(near, bufio.NewReader(near), origin{}).Read(make([]byte, 1))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.NoError(t, far.Close())
	for _, serve := range []http.HandlerFunc{i.serveProxy, i.serveAWS} {
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			serve(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+tableHost, nil))
		})
	}
	_, err = i.Environ(Child{Name: "late"})
	require.ErrorContains(t, err, "intercept: the interceptor is closed")
}

func TestHostThatMayReallyBeCalled(t *testing.T) {
	t.Parallel()
	cfg := Config{Real: []string{"STS.us-east-1.amazonaws.com", ".s3.amazonaws.com"}, Domains: []string{"own.s3.amazonaws.com"}}
	for host, want := range map[string]bool{
		"sts.us-east-1.amazonaws.com":     false,
		"sts.us-east-1.amazonaws.com:443": false,
		"sts.us-east-2.amazonaws.com":     true,
		"bucket.s3.amazonaws.com":         false,
		"s3.amazonaws.com.":               false,
		"own.s3.amazonaws.com":            true,
		"nots3.amazonaws.com":             true,
		"amazonaws.com":                   true,
		"notamazonaws.com":                false,
		"amazonaws.com.example.com":       false,
		"example.com":                     false,
		"localhost:3001":                  false,
		"[fd00:ec2::254]:80":              true,
		"":                                false,
	} {
		require.Equal(t, want, cfg.intercepts(host), host)
	}
}

func TestForeignProcessesNeedTheSecret(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	secret := i.client(t, "chat").Transport.(*http.Transport)
	proxy, err := secret.Proxy(nil)
	require.NoError(t, err)
	password, _ := proxy.User.Password()
	for header, ok := range map[string]bool{
		"": false, "Basic": false, "Basic %": false, basic(""): false, basic("function:"): false, basic("function:guess"): false,
		basic("function"): false, basic(password): false, basic("function:" + password): true, "Bearer " + password: false,
	} {
		name, found := i.authenticate(header)
		require.Equal(t, ok, found, header)
		require.Equal(t, map[bool]string{true: "chat"}[ok], name)
	}
	for _, target := range []string{"CONNECT " + tableHost + ":443", "GET http://" + tableHost + "/", "CONNECT example.com:443", "GET http://example.com/"} {
		conn := dial(t, i.address)
		_, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\n\r\n", target)
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusProxyAuthRequired, response.StatusCode)
		require.Equal(t, `Basic realm="gatesock dev"`, response.Header.Get("Proxy-Authenticate"))
	}
}

func TestChildThatHasEnded(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	client := i.client(t, "chat.1")
	status, _ := get(t, client, "http://"+tableHost)
	require.Equal(t, http.StatusOK, status)
	before := i.environ(t, Child{Name: "chat.1"})
	i.Release("chat.1")
	i.Release("chat.1")
	status, _ = get(t, client, "http://"+tableHost)
	require.Equal(t, http.StatusProxyAuthRequired, status)
	after := i.environ(t, Child{Name: "chat.1"})
	for _, name := range []string{"HTTPS_PROXY", "GATESOCK_INTERCEPT"} {
		require.NotEqual(t, before[name], after[name])
	}
	status, _ = get(t, i.client(t, "chat.1"), "http://"+tableHost)
	require.Equal(t, http.StatusOK, status)
}

func TestHostOfTheRequestCounts(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	client := i.client(t, "chat")
	for host, want := range map[string]int{"evil.example.com": http.StatusMisdirectedRequest, "kms.us-east-1.amazonaws.com": 403, tableHost: 200} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+tableHost, nil)
		require.NoError(t, err)
		request.Host = host
		status, _ := do(t, client, request)
		require.Equal(t, want, status, host)
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	const authorization = "AWS4-HMAC-SHA256 Credential=local/20261128/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
	endpoint := i.environ(t, Child{Name: "rust", Endpoint: true})["AWS_ENDPOINT_URL"]
	require.Equal(t, "http://"+i.address, endpoint)
	require.NotContains(t, i.environ(t, Child{Name: "chat"}), "AWS_ENDPOINT_URL")
	require.Equal(t, "http://localhost:8000",
		i.environ(t, Child{Env: []string{"AWS_ENDPOINT_URL=http://localhost:8000"}, Endpoint: true})["AWS_ENDPOINT_URL"])
	_, port, err := net.SplitHostPort(i.address)
	require.NoError(t, err)
	for _, c := range []struct {
		host, query string
		header      map[string]string
		status      int
		body        string
	}{
		{i.address, "", map[string]string{"Authorization": authorization}, 200, "GET / for " + i.address + " by "},
		{"localhost:" + port, "", map[string]string{"Authorization": authorization}, 200, "GET / for localhost:" + port + " by "},
		{i.address, "?X-Amz-Credential=local/20261128/us-east-1/dynamodb/aws4_request", nil, 200, "GET / for " + i.address + " by "},
		{i.address, "", map[string]string{"Authorization": strings.ReplaceAll(authorization, "dynamodb", "kms")}, 403, "kms.us-east-1.amazonaws.com"},
		{i.address, "", map[string]string{"Authorization": strings.ReplaceAll(authorization, "us-east-1", "cn-north-1")}, 403, "dynamodb.cn-north-1.amazonaws.com.cn"},
		{i.address, "", nil, 403, "signed requests"},
		{i.address, "", map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/../d/e"}, 403, "signed requests"},
		{i.address, "", map[string]string{"Authorization": "Bearer x"}, 403, "signed requests"},
		// A name that a web page has bound to this machine, and a page of another origin.
		{"evil.example.com:" + port, "", map[string]string{"Authorization": authorization}, 403, "is not served here"},
		{"evil.example.com", "", map[string]string{"Authorization": authorization}, 403, "is not served here"},
		{i.address, "", map[string]string{"Authorization": authorization, "Sec-Fetch-Site": "cross-site"}, 403, "cross-origin"},
	} {
		method := http.MethodGet
		if c.header["Sec-Fetch-Site"] != "" {
			method = http.MethodPost
		}
		request, err := http.NewRequestWithContext(t.Context(), method, endpoint+"/"+c.query, nil)
		require.NoError(t, err)
		request.Host = c.host
		for name, value := range c.header {
			request.Header.Set(name, value)
		}
		transport := &http.Transport{}
		status, body := do(t, &http.Client{Transport: transport}, request)
		transport.CloseIdleConnections()
		require.Equal(t, c.status, status, "%v", c)
		require.Contains(t, body, c.body)
	}
}

func TestWebSocketThroughTheProxy(t *testing.T) {
	t.Parallel()
	headers := make(chan map[string]string, 1)
	gateway, err := emulator.New(handlerFunc(func(payload []byte) {
		var event struct{ Headers map[string]string }
		if json.Unmarshal(payload, &event) == nil && event.Headers != nil {
			select {
			case headers <- event.Headers:
			default:
			}
		}
	}), emulator.Config{Stage: "dev", APIID: "abcdefghij", IgnoreDescription: true, RouteSelectionExpression: "$request.body.action"})
	require.NoError(t, err)
	i := intercept(t, Config{Host: func(string) http.Handler { return gateway }})
	t.Cleanup(func() { require.NoError(t, gateway.Shutdown(context.WithoutCancel(t.Context()))) })
	conn, response, err := websocket.Dial(t.Context(), "wss://abcdefghij.execute-api.us-east-1.amazonaws.com/dev",
		&websocket.DialOptions{HTTPClient: i.client(t, "chat"), HTTPHeader: http.Header{"heAderAuth": {"x"}}})
	require.NoError(t, err)
	if response.Body != nil {
		response.Body.Close()
	}
	require.Equal(t, "x", (<-headers)["heAderAuth"], "names are spelled as the client spells them")
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
}

// handlerFunc is a function that only sees events.
type handlerFunc func(payload []byte)

func (f handlerFunc) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	f(payload)
	return []byte(`{"statusCode":200}`), nil
}

func TestClientThatSpeaksHTTP2Alone(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{Host: func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Proto, " ")
			describeRequest(w, r)
		})
	}})
	both, alone := i.client(t, "chat"), i.client(t, "chat")
	both.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	_, body := get(t, both, "https://"+tableHost)
	require.Equal(t, "HTTP/1.1 GET / for "+tableHost+" by chat", body)
	transport := alone.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP2(true)
	_, body = get(t, alone, "https://"+tableHost)
	require.Equal(t, "HTTP/2.0 GET / for "+tableHost+" by chat", body)
}

func TestSocketOfNode(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{Host: func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			describeRequest(w, r)
			fmt.Fprint(w, " from ", r.RemoteAddr)
		})
	}})
	plain := i.socket(t, "a")
	secure := tls.Client(i.socket(t, "b"), &tls.Config{ServerName: tableHost, RootCAs: trusting(i.certs.pem()).RootCAs})
	for conn, want := range map[net.Conn]string{plain: "a", secure: "b"} {
		_, err := fmt.Fprintf(conn, "GET /x HTTP/1.0\r\nHost: %s\r\n\r\n", tableHost)
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, "GET /x for "+tableHost+" by "+want+" from 127.0.0.1:0", string(body))
	}
}

func TestWhatIsNeitherHTTPNorTLS(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	conn, status := i.connect(t, "chat", "redis.us-east-1.amazonaws.com:443")
	require.Equal(t, http.StatusOK, status)
	_, err := conn.Write([]byte("*1\r\n$4\r\nPING\r\n"))
	require.NoError(t, err)
	_, _ = io.ReadAll(conn) // until it is closed, or reset with what was not read
	i.drain(t)
	require.Equal(t, []string{"chat redis.us-east-1.amazonaws.com"}, i.refused)
}

// drain closes the interceptor, after which nothing more is reported.
func (i *intercepting) drain(t *testing.T) {
	t.Helper()
	require.NoError(t, i.Close(t.Context()))
	i.mu.Lock()
	defer i.mu.Unlock()
}

func TestChildThatDoesNotTrust(t *testing.T) {
	t.Parallel()
	i := intercept(t, Config{})
	for range 2 {
		conn, _ := i.connect(t, "java", tableHost+":443")
		none := trusting(nil)
		none.ServerName = tableHost
		err := tls.Client(conn, none).HandshakeContext(t.Context())
		require.ErrorContains(t, err, "certificate")
		_, _ = io.Copy(io.Discard, conn) // until the interceptor has heard it
		require.NoError(t, conn.Close())
	}
	// One that goes away does not count.
	conn, _ := i.connect(t, "killed", tableHost+":443")
	require.NoError(t, conn.Close())
	i.drain(t)
	require.Equal(t, []string{"java " + tableHost}, i.distrusted)
}

func TestChildIsKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}, 4), make(chan struct{}, 4)
	i := intercept(t, Config{Host: func(string) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			began <- struct{}{}
			<-r.Context().Done()
			ended <- struct{}{}
		})
	}})
	trust := &tls.Config{ServerName: tableHost, RootCAs: trusting(i.certs.pem()).RootCAs}
	through, _ := i.connect(t, "chat", tableHost+":443")
	for _, raw := range []net.Conn{through, i.socket(t, "chat")} {
		_, err := fmt.Fprintf(tls.Client(raw, trust), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", tableHost)
		require.NoError(t, err)
		<-began
		require.NoError(t, raw.Close())
		<-ended
	}
	// Closing the interceptor has the same effect.
	_, err := fmt.Fprintf(tls.Client(i.socket(t, "chat"), trust), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", tableHost)
	require.NoError(t, err)
	<-began
	i.drain(t)
	<-ended
}

func TestCloseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	i := intercept(t, Config{Host: func(string) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(began)
			<-release
		})
	}})
	_, err := fmt.Fprintf(i.socket(t, "chat"), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", tableHost)
	require.NoError(t, err)
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, i.Close(ctx), context.Canceled)
	close(release)
	require.NoError(t, i.Close(t.Context()))
	_, err = os.Stat(i.run)
	require.ErrorIs(t, err, os.ErrNotExist)
}
