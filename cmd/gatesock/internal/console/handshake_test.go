package console_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/client/iam"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/emulator"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		says   []string
	}{
		"unauthorized": {401, `{"message":"Unauthorized"}`, []string{"refused: 401 Unauthorized", `{"message":"Unauthorized"}`, "the authorizer wants something"}},
		"forbidden":    {403, `{"message":"Forbidden"}`, []string{"refused: 403 Forbidden", "the authorizer denies it"}},
		"IAM":          {403, `{"message":"Missing Authentication Token"}`, []string{"use --iam"}},
		"a signature":  {403, `{"message":"The request signature we calculated does not match"}`, []string{"the region (--region) and the clock"}},
		"throttled":    {429, `{"message":"Too Many Requests"}`, []string{"refused: 429 Too Many Requests", "500 a second"}},
		"the function": {502, ``, []string{"refused: 502 Bad Gateway\n", "the function of $connect"}},
		"no path":      {404, ``, []string{"look at the stage"}},
		"elsewhere":    {302, ``, []string{"leads elsewhere"}},
		"a page":       {200, "<html>\x1b[2J", []string{"refused: 200 OK", `<html>\x1b[2J`, "not a WebSocket server"}},
		"another":      {418, ``, []string{"refused: 418", "returned this status"}},
		"no reason":    {599, ``, []string{"refused: 599"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			out, problems, err := script(t, console.Options{Target: target(address + "?token=secret")}, "x\n")
			require.Equal(t, console.ErrFailed, err)
			require.Empty(t, out)
			for _, says := range c.says {
				require.Contains(t, problems, says)
			}
			require.NotContains(t, problems, "secret")
		})
	}
}

func TestNotConnected(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			drain(r.Context(), c)
		}
	}))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	address := "wss" + strings.TrimPrefix(secure.URL, "https")
	for name, c := range map[string]struct{ address, says string }{
		"nobody listens": {"ws://127.0.0.1:1/?token=secret", "connection refused\ngatesock: nobody listens there: is the server running, and is this its port?\n"},
		"no such host":   {"ws://gatesock.invalid/?token=secret", "gatesock: look at the host's name\n"},
		"a certificate":  {address, "unknown authority\ngatesock: gatesock dev's own certificates are trusted for this machine; --insecure trusts any\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems, err := script(t, console.Options{Target: target(c.address)}, "x\n")
			require.Equal(t, console.ErrFailed, err)
			require.Contains(t, problems, c.says)
			require.NotContains(t, problems, "secret")
		})
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.TLS.Certificates[0].Certificate[0]})
	for name, client := range map[string]*http.Client{
		"insecure": console.NewClient(nil, true), "its authority": console.NewClient(authority, false),
	} {
		to := console.Target{Address: address, Client: client}
		_, problems, err := script(t, console.Options{Target: to, Wait: within(0)}, "")
		require.NoError(t, err, name)
		require.Empty(t, problems, name)
	}
	transport := console.NewClient(nil, false).Transport.(*http.Transport)
	require.False(t, transport.TLSClientConfig.InsecureSkipVerify)
	require.Equal(t, uint16(tls.VersionTLS12), transport.TLSClientConfig.MinVersion)
}

// The handshake has what the user asked for.
func TestHandshake(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 1)
	address := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat.v1"}, InsecureSkipVerify: true})
		if err == nil {
			drain(r.Context(), c)
		}
	})
	to := target(address + "/dev?name=ann")
	to.Header = http.Header{"Host": {"api.example.com"}, "Origin": {"https://example.com"}, "X-Two": {"1", "2"}}
	to.Protocols = []string{"other", "chat.v1"}
	to.Sign = func(r *http.Request) error {
		r.Header.Set("X-Signed", r.Host+r.URL.RequestURI()+r.Header.Get("Origin"))
		return nil
	}
	_, problems, err := script(t, console.Options{Target: to, Verbose: true, Wait: within(0)}, "")
	require.NoError(t, err)
	r := <-requests
	require.Equal(t, "api.example.com", r.Host)
	require.Equal(t, "/dev?name=ann", r.URL.RequestURI())
	require.Equal(t, []string{"1", "2"}, r.Header["X-Two"])
	require.Equal(t, "api.example.com/dev?name=annhttps://example.com", r.Header.Get("X-Signed"))
	require.Contains(t, problems, "gatesock: Sec-Websocket-Protocol: chat.v1\n")
	require.Contains(t, problems, "gatesock: closed: 1000\n")

	to.Sign = func(*http.Request) error { return errors.New("the vault is locked") }
	_, problems, err = script(t, console.Options{Target: to}, "")
	require.Equal(t, console.ErrFailed, err)
	require.Contains(t, problems, "the vault is locked")
}

func TestIAM(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{Region: "eu-west-1", IAM: &emulator.IAM{Connect: true, Users: []emulator.IAMUser{
		{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"},
	}}})
	signed := func(secret string) console.Target {
		to := target(address + "?a=b%20c")
		to.Header = http.Header{"X-Other": {"a  b"}}
		to.Sign = iam.Signer(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", secret, ""), "eu-west-1")
		return to
	}
	out, problems, err := script(t, console.Options{Target: signed("example")}, `{"action":"say","id":"1","room":"a","text":"a"}`)
	require.NoError(t, err, problems)
	require.Equal(t, `{"id":"1","action":"say","data":"A"}`+"\n", out)
	_, problems, err = script(t, console.Options{Target: signed("wrong")}, "")
	require.Equal(t, console.ErrFailed, err)
	require.Contains(t, problems, "refused: 403 Forbidden")
	_, problems, err = script(t, console.Options{Target: target(address)}, "")
	require.Equal(t, console.ErrFailed, err)
	require.Contains(t, problems, "use --iam")
}
