//go:build !race

package intercept

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/sdktest"
)

const (
	apiHost = "abcdefghij.execute-api.us-east-1.amazonaws.com"
	domain  = "chat.example.com"
)

// application is an API with a connection, and an interceptor that leads to it.
type application struct {
	*Interceptor
	connection string
	port       string // where the API is on this machine, with and without TLS

	mu      sync.Mutex
	frames  []string // that the connection got
	refused []string
}

func (a *application) Send(data []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frames = append(a.frames, string(data))
	return nil
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := &application{}
	gateway, err := emulator.New(handlerFunc(func([]byte) {}), emulator.Config{
		APIID: "abcdefghij", Region: "us-east-1", Stage: "dev", Hosts: []string{domain}, IgnoreDescription: true,
	})
	require.NoError(t, err)
	session, err := gateway.Connect(t.Context(), emulator.Handshake{}, sessionClient{a})
	require.NoError(t, err)
	a.connection = session.ID()
	api := Paths{Bases: []string{gateway.BasePath()}}.Handler(gateway)
	roots, _ := trust(t, "system") // Python takes 0.3 s to load those of a real system, for each client
	a.Interceptor, err = Start(t.Context(), Config{
		Folder:  t.TempDir(),
		Environ: []string{"SSL_CERT_FILE=" + roots},
		Host: func(host string) http.Handler {
			if host == apiHost || host == domain {
				return api
			}
			return nil
		},
		Domains: []string{domain},
		Real:    []string{".real.amazonaws.com"},
		Refused: func(host, who string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.refused = append(a.refused, who+" "+host)
		},
		Distrusted: func(host, who string) { t.Errorf("%s distrusts %s", who, host) },
	})
	require.NoError(t, err)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, a.port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	server := http.Server{Handler: api} //nolint:gosec // its clients are those of the test
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(emulator.NewListener(a.Listen(l))) })
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, gateway.Shutdown(ctx))
		require.NoError(t, server.Close())
		served.Wait()
		require.NoError(t, a.Close(ctx))
	})
	return a
}

// sessionClient is the client of the connection; application has another Close.
type sessionClient struct{ *application }

func (c sessionClient) Close(code int, reason string) {}

// forms are the ways in which handlers write the endpoint of @connections (dev-templates, §4).
func (a *application) forms() map[string]string {
	return map[string]string{
		"domain and stage":           "https://" + apiHost + "/dev", // also composed, and from the environment
		"a port":                     "https://" + apiHost + ":443/dev",
		"a slash at the end":         "https://" + apiHost + "/dev/",
		"two slashes":                "https://" + apiHost + "//dev//",
		"no stage":                   "https://" + apiHost,
		"no stage and a slash":       "https://" + apiHost + "/",
		"the stage twice":            "https://" + apiHost + "/dev/dev",
		"a domain of its own":        "https://" + domain + "/dev",
		"capital letters":            "https://" + strings.ToUpper(apiHost) + "/dev",
		"local":                      "http://localhost:" + a.port + "/dev",
		"local, no stage":            "http://localhost:" + a.port,
		"local, no stage, a slash":   "http://localhost:" + a.port + "/",
		"local, an address":          "http://127.0.0.1:" + a.port + "/dev",
		"local, TLS":                 "https://localhost:" + a.port + "/dev",
		"local, TLS and an address":  "https://127.0.0.1:" + a.port + "/dev/",
		"an API that is not of here": "https://zzzzzzzzzz.execute-api.us-east-1.amazonaws.com/dev",
	}
}

// withoutScheme are forms that only versions 1 and 2 of the SDKs for Go and JavaScript accept.
func withoutScheme() map[string]string {
	return map[string]string{"no scheme": apiHost + "/dev", "the host alone": apiHost}
}

// run runs a child with cases and returns its error for each that failed, by name. What did not
// fail has arrived.
func (a *application) run(
	t *testing.T, name string, env []string, cases []postCase, command ...string,
) map[string]string {
	t.Helper()
	input, err := json.Marshal(posts{Connection: a.connection, Cases: cases})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env, err = a.Environ(Child{Name: name, Env: append(env,
		"PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), childVariable+"=1",
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"NODE_OPTIONS=--no-deprecation", "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1",
	)})
	require.NoError(t, err)
	var problems bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &problems
	output, err := cmd.Output()
	require.NoError(t, err, problems.String())

	failed := map[string]string{}
	var arrived []string
	results := json.NewDecoder(bytes.NewReader(output))
	for range cases {
		var result posted
		require.NoError(t, results.Decode(&result), "%s\n%s", output, &problems)
		if result.Error != "" {
			failed[result.Name] = result.Error
		} else {
			arrived = append(arrived, result.Name)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Equal(t, arrived, a.frames)
	a.frames = nil
	return failed
}

// casesOf makes a case of each form.
func casesOf(way string, forms map[string]string) (cases []postCase) {
	for name, endpoint := range forms {
		cases = append(cases, postCase{Name: way + ": " + name, Way: way, Endpoint: endpoint})
	}
	return cases
}

// services makes cases that call other services, whose SDKs expect errors in several forms.
func services(names ...string) (cases []postCase) {
	for _, name := range names {
		cases = append(cases, postCase{Name: name, Way: "service", Endpoint: name})
	}
	return cases
}

// example makes a case that connects to a server with a certificate of the authority for
// example.com, which clients must not believe.
func (a *application) example(t *testing.T) postCase {
	t.Helper()
	der, err := a.certs.user.sign("example.com", a.certs.key, time.Now())
	require.NoError(t, err)
	l := tls.NewListener(listen(t), &tls.Config{ //nolint:gosec // the version is of no matter
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: a.certs.key}},
	})
	var serving sync.WaitGroup
	serving.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_ = conn.(*tls.Conn).HandshakeContext(context.Background()) // fails
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		serving.Wait()
	})
	return postCase{Name: "example.com", Way: "handshake", Endpoint: l.Addr().String()}
}

// requireRefused checks that the calls of these ways to what the project does not have, and no
// others, were refused, with an error that says why.
func requireRefused(t *testing.T, failed map[string]string, names ...string) {
	t.Helper()
	for _, name := range names {
		require.Contains(t, failed[name], "AWS was not called", "%s: %v", name, failed)
		delete(failed, name)
	}
	require.Empty(t, failed)
}

func TestJavaScript(t *testing.T) {
	t.Parallel()
	node, modules := sdktest.Node(t), sdktest.NodeModules(t)
	a := newApplication(t)
	var cases []postCase
	for _, way := range []string{"v2", "v3"} {
		cases = append(cases, casesOf(way, a.forms())...)
	}
	cases = append(cases, casesOf("v2", withoutScheme())...)
	for _, way := range []string{
		"https with an agent", "https without an agent", "fetch", "http2", "an imported tls.connect", "a worker",
	} {
		cases = append(cases, postCase{Name: way, Way: way, Endpoint: "https://" + apiHost + "/dev"})
	}
	cases = append(cases,
		postCase{Name: "fetch, local", Way: "fetch", Endpoint: "http://127.0.0.1:" + a.port + "/dev"},
		postCase{Name: "a host that is really called", Way: "a lookup of its own", Endpoint: "http://sts.real.amazonaws.com:" + a.port + "/dev"},
		postCase{Name: "v3: no endpoint", Way: "v3"},
		postCase{Name: "fetch: another service", Way: "fetch", Endpoint: "https://sqs.us-east-1.amazonaws.com"},
		postCase{Name: "a database", Way: "a port that is not of the web", Endpoint: "https://db.rds.amazonaws.com"},
	)
	cases = append(cases, services("dynamodb", "lambda", "sns", "sqs")...)
	cases = append(cases, a.example(t))
	failed := a.run(t, "node", []string{"NODE_PATH=" + modules}, cases, node, "testdata/posts.cjs")
	require.Contains(t, failed["a database"], "nothing on this machine serves db.rds.amazonaws.com:5432")
	delete(failed, "a database")
	require.Contains(t, failed["example.com"], "permitted subtree violation")
	delete(failed, "example.com")
	requireRefused(t, failed, "dynamodb", "lambda", "sns", "sqs", "v2: an API that is not of here", "v3: an API that is not of here", "v3: no endpoint",
		"fetch: another service")
	require.ElementsMatch(t, []string{
		"node zzzzzzzzzz.execute-api.us-east-1.amazonaws.com", "node execute-api.us-east-1.amazonaws.com",
		"node sqs.us-east-1.amazonaws.com", "node sns.us-east-1.amazonaws.com", "node dynamodb.us-east-1.amazonaws.com",
		"node lambda.us-east-1.amazonaws.com",
	}, a.refused)
}

func TestPython(t *testing.T) {
	t.Parallel()
	python := sdktest.Python(t)
	a := newApplication(t)
	cases := append(casesOf("boto3", a.forms()), postCase{Name: "urllib", Way: "urllib", Endpoint: "https://" + apiHost + "/dev"},
		postCase{Name: "boto3: no endpoint", Way: "boto3"})
	cases = append(cases, services("dynamodb", "s3", "sns", "sqs", "sts")...)
	cases = append(cases, a.example(t))
	failed := a.run(t, "python", nil, cases, python, "testdata/posts.py")
	require.Contains(t, failed["example.com"], "permitted subtree violation")
	delete(failed, "example.com")
	requireRefused(t, failed, "dynamodb", "s3", "sns", "sqs", "sts", "boto3: an API that is not of here", "boto3: no endpoint")
}

func TestGo(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	binary, err := os.Executable()
	require.NoError(t, err)
	forms := a.forms()
	cases := casesOf("SDK", forms)
	for _, way := range []string{"apigw", "net/http"} { // package apigw refuses the other forms itself
		for _, name := range []string{"domain and stage", "a port", "local", "local, TLS", "an API that is not of here"} {
			cases = append(cases, postCase{Name: way + ": " + name, Way: way, Endpoint: forms[name]})
		}
	}
	cases = append(cases,
		postCase{Name: "SDK: no endpoint", Way: "SDK"},
	)
	failed := a.run(t, "go", nil, cases, binary)
	requireRefused(t, failed, "SDK: an API that is not of here", "apigw: an API that is not of here",
		"net/http: an API that is not of here", "SDK: no endpoint")
}

func TestGoVersion1(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	binary := filepath.Join(t.TempDir(), "awsv1")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "testdata/awsv1", "-o", binary, ".")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	cases := append(casesOf("v1", a.forms()), casesOf("v1", withoutScheme())...)
	failed := a.run(t, "go1", nil, cases, binary)
	requireRefused(t, failed, "v1: an API that is not of here")
}
