package apigw_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/aws/smithy-go"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

const id = "R0oXAdfD0kwCH6w="

func signed() aws.Config {
	return aws.Config{
		Region:      "eu-west-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "TOKEN"),
	}
}

// serve starts a gateway and gives a client to it, with the stage dev.
func serve(t *testing.T, cfg aws.Config, h http.HandlerFunc, opts ...apigw.Option) *apigw.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := apigw.New(cfg, srv.URL+"/dev", opts...)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func answer(status int, errorType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if errorType != "" {
			w.Header().Set("X-Amzn-ErrorType", errorType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestPostSends(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	c := serve(t, signed(), func(_ http.ResponseWriter, r *http.Request) {
		got = r.Clone(r.Context())
		body, _ = io.ReadAll(r.Body)
	})
	require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte(`{"x":1}`)))
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "/dev/@connections/"+id, got.URL.Path)
	require.Equal(t, `{"x":1}`, string(body))
	require.EqualValues(t, 7, got.ContentLength)
	require.Contains(t, got.Header.Get("Authorization"), "/eu-west-1/execute-api/aws4_request")
	require.Equal(t, "TOKEN", got.Header.Get("X-Amz-Security-Token"))
}

func TestPostEmptyData(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{nil, {}} {
		var posts, size int64
		c := serve(t, signed(), func(_ http.ResponseWriter, r *http.Request) {
			posts++
			size += r.ContentLength
		})
		require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id}, data))
		require.EqualValues(t, 1, posts)
		require.Zero(t, size)
	}
}

func TestConnectionIDsAreEscaped(t *testing.T) {
	t.Parallel()
	for in, path := range map[string]string{
		"AbC-_9=":   "/dev/%40connections/AbC-_9%3D",
		"a/b":       "/dev/%40connections/a%2Fb",
		"../x":      "/dev/%40connections/..%2Fx",
		"a%2Fb":     "/dev/%40connections/a%252Fb",
		"a?b#c":     "/dev/%40connections/a%3Fb%23c",
		"a b+c":     "/dev/%40connections/a%20b%2Bc",
		"zürich/日本": "/dev/%40connections/z%C3%BCrich%2F%E6%97%A5%E6%9C%AC",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			var uris []string
			c := serve(t, signed(), func(w http.ResponseWriter, r *http.Request) {
				uris = append(uris, r.RequestURI)
				if r.URL.Path != "/dev/@connections/"+in {
					w.WriteHeader(http.StatusTeapot)
				}
				if r.Method == http.MethodGet {
					_, _ = io.WriteString(w, "{}")
				}
			})
			to := gatesock.Target{ConnectionID: in}
			require.NoError(t, c.Post(t.Context(), to, []byte("x")))
			_, err := c.Info(t.Context(), to)
			require.NoError(t, err)
			require.NoError(t, c.Disconnect(t.Context(), to))
			for _, uri := range uris {
				require.Equal(t, canonical(path), canonical(uri))
			}
			require.Len(t, uris, 3)
		})
	}
}

// canonical: the gateway takes "@" and "%40" alike (observed: okigan/awscurl#61).
func canonical(uri string) string {
	return string(bytes.ReplaceAll([]byte(uri), []byte("@"), []byte("%40")))
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	all := []error{
		gatesock.ErrGone, gatesock.ErrThrottled, gatesock.ErrTooLarge, gatesock.ErrForbidden,
		gatesock.ErrBadConnectionID, apigw.ErrTimeout,
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    error // nil: a fault
		says    string
	}{
		{"gone, empty body", answer(410, "GoneException", ""), gatesock.ErrGone, "StatusCode: 410"},
		{"gone, no type", answer(410, "", ""), gatesock.ErrGone, "410"},
		{"gone, unknown type", answer(410, "VanishedException", "{}"), gatesock.ErrGone, "VanishedException"},
		{"gone, garbage", answer(410, "", "<html>\x00"), gatesock.ErrGone, "410"},
		{"gone, type in the body", answer(410, "", `{"__type":"GoneException"}`), gatesock.ErrGone, "410"},
		{"bad id", answer(400, "BadRequestException", `{"message":"Invalid connectionId: x"}`), gatesock.ErrBadConnectionID, "Invalid connectionId"},
		{"forbidden", answer(403, "ForbiddenException", `{"message":"Forbidden"}`), gatesock.ErrForbidden, "Forbidden"},
		{"access denied", answer(403, "AccessDeniedException", `{"Message":"User: arn is not authorized"}`), gatesock.ErrForbidden, "is not authorized"},
		{"bad signature", answer(403, "", `{"message":"The request signature we calculated does not match"}`), gatesock.ErrForbidden, "signature"},
		{"no such path", answer(404, "", `{"message":"No method found matching route"}`), gatesock.ErrForbidden, "No method found"},
		{"too large", answer(413, "PayloadTooLargeException", `{"message":"big"}`), gatesock.ErrTooLarge, "big"},
		{"too large, no type", answer(413, "", ""), gatesock.ErrTooLarge, "413"},
		{"throttled", answer(429, "LimitExceededException", ""), gatesock.ErrThrottled, "429"},
		{"throttled, other type", answer(429, "TooManyRequestsException", "{}"), gatesock.ErrThrottled, "429"},
		{"server error", answer(500, "InternalServerErrorException", "{}"), nil, "StatusCode: 500"},
		{"bad gateway, garbage", answer(502, "", "<html>"), nil, "StatusCode: 502"},
		{"timeout of the gateway", answer(504, "", `{"message":"Endpoint request timed out"}`), nil, "StatusCode: 504"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, nil, "StatusCode: 302"},
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			client := serve(t, signed(), func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				c.handler(w, r)
			})
			err := client.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte("x"))
			require.ErrorContains(t, err, `apigw: post to "`+id+`": `)
			require.ErrorContains(t, err, c.says)
			for _, sentinel := range all {
				require.Equal(t, errors.Is(c.want, sentinel), errors.Is(err, sentinel), "%v: %v", sentinel, err)
			}
			require.EqualValues(t, 1, requests.Load(), "a post is sent once")
		})
	}
}

func TestErrorsWrapTheSDKs(t *testing.T) {
	t.Parallel()
	c := serve(t, signed(), answer(410, "GoneException", ""))
	for _, err := range []error{
		c.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte("x")),
		c.Disconnect(t.Context(), gatesock.Target{ConnectionID: id}),
	} {
		var gone *types.GoneException
		require.ErrorAs(t, err, &gone)
		var op *smithy.OperationError
		require.ErrorAs(t, err, &op)
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	c := serve(t, signed(), func(http.ResponseWriter, *http.Request) { panic("a request was sent") })
	ok := gatesock.Target{ConnectionID: id}

	err := c.Post(t.Context(), ok, make([]byte, gatesock.MaxMessageSize+1))
	require.ErrorIs(t, err, gatesock.ErrTooLarge)
	require.ErrorContains(t, err, "131073 bytes")

	for _, id := range []string{"", ".", ".."} {
		to := gatesock.Target{ConnectionID: id}
		require.ErrorIs(t, c.Post(t.Context(), to, nil), gatesock.ErrBadConnectionID)
		require.ErrorIs(t, c.Disconnect(t.Context(), to), gatesock.ErrBadConnectionID)
		_, err = c.Info(t.Context(), to)
		require.ErrorIs(t, err, gatesock.ErrBadConnectionID)
	}

	ok.Endpoint = "wss://example.com"
	err = c.Post(t.Context(), ok, nil)
	require.ErrorIs(t, err, gatesock.ErrForbidden)
	require.ErrorContains(t, err, `endpoint "wss://example.com": scheme wss`)

	err = new(apigw.Client).Post(t.Context(), ok, nil)
	require.ErrorIs(t, err, gatesock.ErrForbidden)
	require.ErrorContains(t, err, "not made by New")
}

func TestLargestMessage(t *testing.T) {
	t.Parallel()
	var size int
	c := serve(t, signed(), func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		size = len(body)
	})
	require.NoError(t, c.Post(t.Context(), gatesock.Target{ConnectionID: id}, make([]byte, gatesock.MaxMessageSize)))
	require.Equal(t, gatesock.MaxMessageSize, size)
}

// hang answers nothing until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	c := serve(t, signed(), hang, apigw.WithTimeout(20*time.Millisecond))
	err := c.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte("x"))
	require.ErrorIs(t, err, apigw.ErrTimeout)
	require.ErrorContains(t, err, "20ms passed")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, context.Canceled)
}

func TestTimeoutWhileTheBodyComes(t *testing.T) {
	t.Parallel()
	c := serve(t, signed(), func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"connectedAt"`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, apigw.WithTimeout(50*time.Millisecond))
	_, err := c.Info(t.Context(), gatesock.Target{ConnectionID: id})
	require.ErrorIs(t, err, apigw.ErrTimeout)
}

func TestCallersDeadlineWins(t *testing.T) {
	t.Parallel()
	c := serve(t, signed(), hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := c.Post(ctx, gatesock.Target{ConnectionID: id}, []byte("x"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, apigw.ErrTimeout)
}

// doer is an HTTP client.
type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// An answer counts, also when the context ended before it was read: what it says is known then.
func TestAnswerBeforeTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{500: nil, 410: gatesock.ErrGone} {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := apigw.New(signed(), "https://ws.example.com", apigw.WithHTTPClient(doer(
			func(*http.Request) (*http.Response, error) {
				cancel()
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}, nil
			})))
		require.NoError(t, err)
		err = c.Post(ctx, gatesock.Target{ConnectionID: id}, []byte("x"))
		require.ErrorContains(t, err, strconv.Itoa(status))
		require.NotErrorIs(t, err, context.Canceled)
		require.Equal(t, want != nil, errors.Is(err, gatesock.ErrGone))
	}
}

// A dial that took too long stays one, for who wants to tell that nothing was sent.
func TestDialTimeout(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: 1}).DialContext}
	c, err := apigw.New(signed(), "http://127.0.0.1:1/dev", apigw.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	err = c.Post(t.Context(), gatesock.Target{ConnectionID: id}, []byte("x"))
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "dial", op.Op)
	require.NotErrorIs(t, err, apigw.ErrTimeout)
}

func TestCallersCause(t *testing.T) {
	t.Parallel()
	why := errors.New("the operator said stop")
	c := serve(t, signed(), func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	require.ErrorIs(t, c.Post(ctx, gatesock.Target{ConnectionID: id}, []byte("x")), why)
}

func TestInfo(t *testing.T) {
	t.Parallel()
	body := `{"connectedAt":"2025-02-03T01:46:33.523Z","identity":{"sourceIp":"192.0.2.1","userAgent":"agent"},"lastActiveAt":"2025-02-03T01:46:36.076Z"}`
	c := serve(t, signed(), answer(200, "", body))
	info, err := c.Info(t.Context(), gatesock.Target{ConnectionID: id})
	require.NoError(t, err)
	require.Equal(t, apigw.Info{
		ConnectedAt:  time.Date(2025, 2, 3, 1, 46, 33, 523e6, time.UTC),
		LastActiveAt: time.Date(2025, 2, 3, 1, 46, 36, 76e6, time.UTC),
		Identity:     gatesock.Identity{SourceIP: "192.0.2.1", UserAgent: "agent"},
	}, info)
}

func TestInfoSparse(t *testing.T) {
	t.Parallel()
	for body, agent := range map[string]string{
		`{"identity":{"sourceIp":"192.0.2.1","userAgent":null}}`: "192.0.2.1",
		`{}`: "",
	} {
		c := serve(t, signed(), answer(200, "", body))
		info, err := c.Info(t.Context(), gatesock.Target{ConnectionID: id})
		require.NoError(t, err)
		require.Equal(t, apigw.Info{Identity: gatesock.Identity{SourceIP: agent}}, info)
	}
}

func TestInfoFails(t *testing.T) {
	t.Parallel()
	c := serve(t, signed(), answer(410, "GoneException", ""))
	_, err := c.Info(t.Context(), gatesock.Target{ConnectionID: id})
	require.ErrorIs(t, err, gatesock.ErrGone)
	require.ErrorContains(t, err, `apigw: info of "`)

	c = serve(t, signed(), answer(200, "", "<html>"))
	_, err = c.Info(t.Context(), gatesock.Target{ConnectionID: id})
	require.ErrorContains(t, err, "failed to decode")
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	var method string
	c := serve(t, signed(), func(w http.ResponseWriter, r *http.Request) {
		method = r.Method
		w.WriteHeader(http.StatusNoContent)
	})
	require.NoError(t, c.Disconnect(t.Context(), gatesock.Target{ConnectionID: id}))
	require.Equal(t, http.MethodDelete, method)
}
