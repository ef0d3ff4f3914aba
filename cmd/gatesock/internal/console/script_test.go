package console_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client/iam"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/emulator"
)

// TestScripts runs scripts against an API as it is deployed.
func TestScripts(t *testing.T) {
	t.Parallel()
	address := serve(t, emulator.Config{})
	long := strings.Repeat("x", gatesock.MaxMessageSize)
	for name, c := range map[string]struct {
		input, out, problems string
		err                  error
		options              console.Options
	}{
		"an answer":             {input: `{"action":"say","id":"1","room":"a","text":"hi"}`, out: `{"id":"1","action":"say","data":"HI"}` + "\n"},
		"an answer without id":  {input: `{"action":"say","room":"a","text":"hi"}` + "\n", out: `{"action":"say","data":"HI"}` + "\n"},
		"CR LF and empty lines": {input: "\r\n\n{\"action\":\"say\",\"text\":\"a\",\"room\":\"\"}\r\n\n", out: `{"action":"say","data":"A"}` + "\n"},
		"no input":              {},
		"errors in the middle": {
			input: "{\"action\":\"say\",\"id\":\"1\",\"room\":\"a\",\"text\":\"a\"}\n" + long + "x\n\xff\xfe\n" +
				"{\"action\":\"say\",\"id\":\"2\",\"room\":\"a\",\"text\":\"b\"}\n",
			out: "{\"id\":\"1\",\"action\":\"say\",\"data\":\"A\"}\n{\"id\":\"2\",\"action\":\"say\",\"data\":\"B\"}\n",
			problems: "gatesock: line 2 of standard input is not sent: it has more than the 131072 bytes that API Gateway takes\n" +
				"gatesock: line 3 of standard input is not sent: it is not UTF-8\n",
			err: console.ErrFailed,
		},
		"a message that is no JSON": {
			input: "hello", out: `{"action":"$default","error":{"code":"invalid_argument","message":"the message must be a JSON object with a string \"action\""}}` + "\n",
		},
		"a message in several frames": {
			input: `{"action":"say","id":"1","room":"` + long[:40<<10] + `","text":"a"}`, out: `{"id":"1","action":"say","data":"A"}` + "\n",
		},
		"no answer, as described": {input: `{"action":"typing"}`, options: console.Options{App: described(t)}},
		"no answer is awaited":    {input: `{"action":"typing"}`, options: console.Options{Wait: within(0)}},
		"enough frames": {
			input: `{"action":"say","room":"a","text":"a"}`, out: `{"action":"say","data":"A"}` + "\n",
			options: console.Options{Expect: 1, Wait: within(time.Hour)},
		},
		"too few frames": {
			input: `{"action":"typing"}`, options: console.Options{Expect: 2, Wait: within(time.Millisecond)}, err: console.ErrFailed,
			problems: "gatesock: 0 of 2 frames have come, and then nothing for 1ms: --wait sets how long\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := c.options
			o.Target = target(address)
			o.Patient()
			out, problems, err := script(t, o, c.input)
			require.Equal(t, c.out, sorted(out))
			require.Equal(t, c.problems, problems)
			require.Equal(t, c.err, err)
		})
	}
}

// sorted sorts lines: invocations of the gateway overtake each other.
func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i := range lines {
		for j := i; j > 0 && lines[j] != "" && lines[j] < lines[j-1]; j-- {
			lines[j], lines[j-1] = lines[j-1], lines[j]
		}
	}
	return strings.Join(lines, "")
}

// A message that nothing answers does not keep a script forever.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	out, problems, err := script(t, console.Options{Target: target(serve(t, emulator.Config{}))}, `{"action":"typing"}`)
	require.NoError(t, err)
	require.Empty(t, out)
	require.Equal(t, "gatesock: nothing came for 5s, and there may be messages without an answer (1): --wait sets how long\n", problems)
}

// What a program gets of frames, a line for each.
func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data   string
		binary bool
		want   string
	}{
		"text":            {data: "hello", want: "hello"},
		"escapes stay":    {data: "a\x1b[2Jb", want: "a\x1b[2Jb"},
		"line breaks":     {data: "a\r\nb", want: `a\r\nb`},
		"JSON's stay one": {data: "{\r\n \"a\": 1\n}", want: `{   "a": 1 }`},
		"JSON as it came": {data: `{ "a" : 1.0 , "b":"<>"}`, want: `{ "a" : 1.0 , "b":"<>"}`},
		"binary":          {data: "\x00\xff", binary: true, want: "base64:AP8="},
		"empty":           {data: "", want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serveRaw(t, func(ctx context.Context, ws *websocket.Conn) {
				kind := websocket.MessageText
				if c.binary {
					kind = websocket.MessageBinary
				}
				_ = ws.Write(ctx, kind, []byte(c.data))
				drain(ctx, ws)
			})
			out, problems, err := script(t, console.Options{Target: target(address), Expect: 1}, "")
			require.NoError(t, err)
			require.Empty(t, problems)
			require.Equal(t, c.want+"\n", out)
		})
	}
}

// The connection ends while there is input.
func TestClosedInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(c *websocket.Conn)
		says string
	}{
		"with a code": {
			func(c *websocket.Conn) { _ = c.Close(1001, "Going away\x1b[2J") },
			`gatesock: closed by the other side: 1001 Going away\x1b[2J (idle for 10 minutes, open for 2 hours, or the server ends)` + "\n",
		},
		"without a close frame": {
			func(c *websocket.Conn) { _ = c.CloseNow() },
			"gatesock: lost: 1006 (it ended without a close frame: the server or the network is gone)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			address := serveRaw(t, func(ctx context.Context, ws *websocket.Conn) {
				send(ctx, ws, receive(ctx, ws), receive(ctx, ws))
				c.end(ws)
				close(ended)
			})
			in, input := io.Pipe()
			go func() {
				_, _ = io.WriteString(input, "one\ntwo\n")
				<-ended
				for err := error(nil); err == nil; { // until nobody reads it any more
					_, err = io.WriteString(input, "three\nfour\n")
				}
			}()
			o := console.Options{Target: target(address), In: in}
			o.Patient()
			out, problems, err := script(t, o, "")
			require.NoError(t, in.Close())
			require.Equal(t, console.ErrFailed, err)
			require.Equal(t, "one\ntwo\n", out)
			require.Contains(t, problems, c.says)
			require.Regexp(t, `gatesock: line \d+ of standard input was not sent, nor what follows it\n$`, problems)
		})
	}
}

// The connection ends while the console waits for input.
func TestClosedWhileInputIsAwaited(t *testing.T) {
	t.Parallel()
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		receive(ctx, c)
		_ = c.Close(4001, "enough")
	})
	in, input := io.Pipe()
	go func() { _, _ = io.WriteString(input, "one\n") }()
	_, problems, err := script(t, console.Options{Target: target(address), In: in}, "")
	require.NoError(t, in.Close())
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, "gatesock: closed by the other side: 4001 enough (a code of the application)\n"+
		"gatesock: standard input was not read to its end: what it has from line 2 on is not sent\n", problems)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		send(ctx, c, "connected")
		_, _, err := c.Read(ctx)
		closed <- err
	})
	ctx, interrupt := context.WithCancel(t.Context())
	in, input := io.Pipe()
	var problems lockedBuffer
	err := console.Run(ctx, console.Options{Target: target(address), In: in, Out: calls(interrupt), Err: &problems})
	require.NoError(t, input.Close())
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, "gatesock: standard input was not read to its end: what it has from line 1 on is not sent\n"+
		"gatesock: interrupted\n", problems.String())
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(<-closed), "the server is told")
}

// calls is a writer that calls a function.
type calls func()

func (c calls) Write(p []byte) (int, error) {
	c()
	return len(p), nil
}

func TestInterruptedHandshake(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	address := serveHTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		<-r.Context().Done()
	})
	var problems lockedBuffer
	o := console.Options{Target: target(address), In: strings.NewReader(""), Out: io.Discard, Err: &problems}
	err := console.Run(ctx, o)
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, "gatesock: interrupted\n", problems.String())
}

// The reader of standard output goes away, as head does, or it cannot be written.
func TestOutputIsClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"a broken pipe": {&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, ""},
		"a full disk":   {syscall.ENOSPC, "gatesock: standard output: no space left on device\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan error, 1)
			address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
				send(ctx, c, "one", "two", "three")
				_, _, err := c.Read(ctx)
				closed <- err
			})
			var problems lockedBuffer
			err := console.Run(t.Context(), console.Options{
				Target: target(address), In: strings.NewReader(""), Out: &failingWriter{left: 1, err: c.err}, Err: &problems,
				Expect: 3,
			})
			require.Equal(t, console.ErrFailed, err)
			require.Equal(t, c.says, problems.String())
			require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(<-closed))
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the disk is broken") }

func TestInputThatCannotBeRead(t *testing.T) {
	t.Parallel()
	in := io.MultiReader(strings.NewReader(`{"action":"say","id":"1","room":"a","text":"a"}`+"\n"), brokenReader{})
	out, problems, err := script(t, console.Options{Target: target(serve(t, emulator.Config{})), In: in}, "")
	require.Equal(t, console.ErrFailed, err)
	require.Equal(t, `{"id":"1","action":"say","data":"A"}`+"\n", out)
	require.Equal(t, "gatesock: standard input: the disk is broken\n", problems)
}

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

func TestRecordAndReplay(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "session.jsonl")
	recorder, err := console.NewRecorder(file)
	require.NoError(t, err)
	address := serve(t, emulator.Config{})
	input := `{"action":"say","id":"1","room":"a","text":"<é>"}` + "\n" + `{"action":"echo","id":"2","n":1}` + "\n"
	_, problems, err := script(t, console.Options{Target: target(address + "?token=secret"), Recorder: recorder}, input)
	require.NoError(t, err, problems)
	require.NoError(t, recorder.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	require.Contains(t, string(text), `"text":"{\"action\":\"say\",\"id\":\"1\",\"room\":\"a\",\"text\":\"<é>\"}"`)
	require.Regexp(t, `^\{"time":"20\d\d-[^"]+Z","event":"connected","address":"ws://127[^"]+"\}\n`, string(text))
	require.Regexp(t, `"event":"closed","code":1000\}\n$`, string(text))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again := func(text, address string, paced bool) (string, string, error) {
		recording, err := console.ReadRecording(strings.NewReader(text))
		require.NoError(t, err)
		o := console.Options{Target: target(address), Replay: recording, Paced: paced}
		o.Patient()
		return script(t, o, "")
	}
	for _, paced := range []bool{false, true} {
		out, problems, err := again(string(text), address, paced)
		require.NoError(t, err, problems)
		require.Equal(t, "{\"id\":\"1\",\"action\":\"say\",\"data\":\"<É>\"}\n{\"id\":\"2\",\"action\":\"echo\",\"data\":{\"n\":1}}\n", sorted(out))
		require.Equal(t, "gatesock: 2 messages of the recording, 2 frames came, 2 are recorded; 0 differences\n", problems)
	}
	changed := strings.Replace(string(text), `\"n\":1}"`, `\"n\":\"1\",\"m\":[{},1]}"`, 1)
	require.NotEqual(t, string(text), changed)
	_, problems, err = again(changed, address, false)
	require.Equal(t, console.ErrFailed, err)
	require.Regexp(t, `did not come \(line \d\): \{"id":"2","action":"echo","data":\{"n":1\}\}\n`+
		`gatesock: not in the recording: \{"id":"2","action":"echo","data":\{"(.|\n)*; 2 differences\n$`, problems)

	_, err = console.NewRecorder(file)
	require.ErrorContains(t, err, "exists: remove it, or name another file")
	_, err = console.NewRecorder(t.TempDir())
	require.ErrorContains(t, err, "is a folder")
	_, err = console.NewRecorder(filepath.Join(t.TempDir(), "no", "file"))
	require.ErrorContains(t, err, "there is no such folder")
}

// A replay waits for what came before a message, and names what does not come.
func TestReplayKeepsTheOrder(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		defer close(got)
		for range 2 {
			got <- receive(ctx, c)
		}
		got <- "answers"
		send(ctx, c, `{"event":"b"}`, `{"event":"a"}`, "plain")
		got <- receive(ctx, c)
		_ = c.Write(ctx, websocket.MessageBinary, []byte{1, 2})
		drain(ctx, c)
	})
	recording, err := console.ReadRecording(strings.NewReader(`
		{"direction":"out","text":"1"}
		{"event":"connected"}
		{"direction":"out","base64":"Mg=="}
		{"direction":"in","text":"{\"event\":\"a\"}"}
		{"direction":"in","text":"{\"event\":\"b\"}"}
		{"direction":"in","text":"other"}
		{"direction":"out","text":"3"}
		{"direction":"in","base64":"` + base64.StdEncoding.EncodeToString([]byte("different")) + `"}
	`))
	require.NoError(t, err)
	_, problems, err := script(t, console.Options{Target: target(address), Replay: recording}, "")
	require.Equal(t, console.ErrFailed, err)
	var order []string
	for s := range got {
		order = append(order, s)
	}
	require.Equal(t, []string{"1", "2", "answers", "3"}, order)
	require.Equal(t, "gatesock: did not come (line 7): other\ngatesock: not in the recording: plain\n"+
		"gatesock: 3 messages of the recording, 4 frames came, 4 are recorded; 2 differences\n", problems)
}

func TestRecordingThatIsBroken(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                              "no message that was sent",
		"{\n":                           "line 1 is not a record",
		"\n[]":                          "line 2 is not a record",
		`{}`:                            `line 1: the direction is ""`,
		`"out"`:                         "line 1 is not a record",
		`{"direction":"up","text":"x"}`: `line 1: the direction is "up"`,
		`{"direction":"out"}`:           `line 1: a message needs "text" or "base64"`,
		`{"direction":"out","text":"","base64":""}`:                                           "not both",
		`{"direction":"out","base64":"%"}`:                                                    `line 1: "base64" is not base64`,
		`{"direction":"in","text":"x"}`:                                                       "no message that was sent",
		`{"direction":"out","text":1}`:                                                        "line 1 is not a record",
		`{"time":"soon","direction":"out","text":"x"}`:                                        "line 1 is not a record",
		`{"direction":"out","text":"` + strings.Repeat("x", gatesock.MaxMessageSize+1) + `"}`: "line 1: 131073 bytes",
	} {
		_, err := console.ReadRecording(strings.NewReader(text))
		require.ErrorContains(t, err, says, "%.100s", text)
	}
	_, err := console.ReadRecording(brokenReader{})
	require.ErrorContains(t, err, "the disk is broken")
}
