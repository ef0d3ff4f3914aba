package apigw_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/aws/smithy-go"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

func TestPostSends(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		var got *http.Request
		var body []byte
		c := w.serve(t, func(_ http.ResponseWriter, r *http.Request) {
			got = r.Clone(r.Context())
			body, _ = io.ReadAll(r.Body)
		})
		require.NoError(t, c.Post(t.Context(), to, []byte(`{"x":1}`)))
		require.Equal(t, http.MethodPost, got.Method)
		require.Equal(t, "/dev/@connections/"+id, got.URL.Path)
		require.Equal(t, `{"x":1}`, string(body))
		require.EqualValues(t, 7, got.ContentLength)
		require.Equal(t, "application/octet-stream", got.Header.Get("Content-Type"))
		require.Contains(t, got.Header.Get("Authorization"), "/eu-west-1/execute-api/aws4_request")
		require.Equal(t, "TOKEN", got.Header.Get("X-Amz-Security-Token"))
	})
}

func TestPostEmptyData(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		var posts, size int64
		c := w.serve(t, func(_ http.ResponseWriter, r *http.Request) {
			posts++
			size += r.ContentLength
		})
		for _, data := range [][]byte{nil, {}} {
			require.NoError(t, c.Post(t.Context(), to, data))
		}
		require.EqualValues(t, 2, posts)
		require.Zero(t, size)
	})
}

func TestPreparedPosts(t *testing.T) {
	t.Parallel()
	var bodies []string
	c := plain(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if strings.HasSuffix(r.URL.Path, "/gone") {
			w.WriteHeader(http.StatusGone)
		}
	})
	post := c.Prepare([]byte("hello"), 0)
	require.NoError(t, post(t.Context(), to))
	require.ErrorIs(t, post(t.Context(), gatesock.Target{ConnectionID: "gone"}), gatesock.ErrGone)
	require.Equal(t, []string{"hello", "hello"}, bodies)

	large := make([]byte, gatesock.MaxMessageSize+1)
	err := c.Prepare(large, 0)(t.Context(), to)
	require.ErrorIs(t, err, gatesock.ErrTooLarge)
	require.Equal(t, c.Post(t.Context(), to, large).Error(), err.Error())
}

func TestConnectionIDsAreEscaped(t *testing.T) {
	t.Parallel()
	paths := map[string]string{
		"AbC-_9=":   "/dev/@connections/AbC-_9%3D",
		"a/b":       "/dev/@connections/a%2Fb",
		"../x":      "/dev/@connections/..%2Fx",
		"a%2Fb":     "/dev/@connections/a%252Fb",
		"a?b#c":     "/dev/@connections/a%3Fb%23c",
		"a b+c":     "/dev/@connections/a%20b%2Bc",
		"a\r\nb: c": "/dev/@connections/a%0D%0Ab%3A%20c",
		"zürich/日本": "/dev/@connections/z%C3%BCrich%2F%E6%97%A5%E6%9C%AC",
	}
	everyWay(t, func(t *testing.T, w way) {
		var got []string
		c := w.serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.RequestURI)
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, "{}")
			}
		})
		for in, path := range paths {
			got = nil
			to := gatesock.Target{ConnectionID: in}
			require.NoError(t, c.Post(t.Context(), to, []byte("x")))
			_, err := c.Info(t.Context(), to)
			require.NoError(t, err)
			require.NoError(t, c.Disconnect(t.Context(), to))
			require.Equal(t, []string{path, path, path}, got)
		}
	})
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
		{"gone by its type alone", answer(400, "aws#GoneException:http://x/", "{}"), gatesock.ErrGone, "GoneException"},
		{
			"bad id", answer(400, "BadRequestException", `{"message":"Invalid connectionId: x"}`),
			gatesock.ErrBadConnectionID, "Invalid connectionId",
		},
		{"forbidden", answer(403, "ForbiddenException", `{"message":"Forbidden"}`), gatesock.ErrForbidden, "Forbidden"},
		{
			"access denied", answer(403, "AccessDeniedException", `{"Message":"User: arn is not authorized"}`),
			gatesock.ErrForbidden, "is not authorized",
		},
		{
			"bad signature", answer(403, "", `{"message":"The request signature we calculated does not match"}`),
			gatesock.ErrForbidden, "signature",
		},
		{
			"no such path", answer(404, "", `{"message":"No method found matching route"}`), gatesock.ErrForbidden,
			"No method found",
		},
		{"too large", answer(413, "PayloadTooLargeException", `{"message":"big"}`), gatesock.ErrTooLarge, "big"},
		{"too large, no type", answer(413, "", ""), gatesock.ErrTooLarge, "413"},
		{"throttled", answer(429, "LimitExceededException", ""), gatesock.ErrThrottled, "429"},
		{"throttled, other type", answer(429, "TooManyRequestsException", "{}"), gatesock.ErrThrottled, "429"},
		{"plain text", answer(502, "", "no healthy upstream\n"), nil, "no healthy upstream"},
		{"plain text, gone", answer(410, "", "it is gone"), gatesock.ErrGone, "it is gone"},
		{"a page", answer(503, "", "<html><body><h1>Come back later</h1></body></html>"), nil, "Come back later"},
		{"XML", answer(403, "", "<Error><Message>Not so</Message></Error>"), gatesock.ErrForbidden, "Not so"},
		{"another JSON", answer(500, "", `"too busy"`), nil, "too busy"},
		{"server error", answer(500, "InternalServerErrorException", "{}"), nil, "StatusCode: 500"},
		{"bad gateway, garbage", answer(502, "", "<html>"), nil, "StatusCode: 502"},
		{"timeout of the gateway", answer(504, "", `{"message":"Endpoint request timed out"}`), nil, "StatusCode: 504"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, nil, "StatusCode: 302"},
		{"huge", answer(410, "", strings.Repeat("x", 1<<20)), gatesock.ErrGone, "StatusCode: 410"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			everyWay(t, func(t *testing.T, w way) {
				var requests atomic.Int64
				client := w.serve(t, func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					c.handler(w, r)
				})
				err := client.Post(t.Context(), to, []byte("x"))
				require.ErrorContains(t, err, `apigw: post to "`+id+`": `)
				require.ErrorContains(t, err, c.says)
				for _, sentinel := range all {
					require.Equal(t, errors.Is(c.want, sentinel), errors.Is(err, sentinel), "%v: %v", sentinel, err)
				}
				require.EqualValues(t, 1, requests.Load(), "a post is sent once")
			})
		})
	}
}

func TestErrorsWrapTheSDKs(t *testing.T) {
	t.Parallel()
	c := ways()[0].serve(t, answer(410, "GoneException", ""))
	for _, err := range []error{c.Post(t.Context(), to, []byte("x")), c.Disconnect(t.Context(), to)} {
		var gone *types.GoneException
		require.ErrorAs(t, err, &gone)
		var op *smithy.OperationError
		require.ErrorAs(t, err, &op)
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		c := w.serve(t, func(http.ResponseWriter, *http.Request) { panic("a request was sent") })
		err := c.Post(t.Context(), to, make([]byte, gatesock.MaxMessageSize+1))
		require.ErrorIs(t, err, gatesock.ErrTooLarge)
		require.ErrorContains(t, err, "131073 bytes")

		for _, id := range []string{"", ".", ".."} {
			to := gatesock.Target{ConnectionID: id}
			require.ErrorIs(t, c.Post(t.Context(), to, nil), gatesock.ErrBadConnectionID)
			require.ErrorIs(t, c.Disconnect(t.Context(), to), gatesock.ErrBadConnectionID)
			_, err = c.Info(t.Context(), to)
			require.ErrorIs(t, err, gatesock.ErrBadConnectionID)
		}

		err = c.Post(t.Context(), gatesock.Target{ConnectionID: id, Endpoint: "wss://example.com"}, nil)
		require.ErrorIs(t, err, gatesock.ErrForbidden)
		require.ErrorContains(t, err, `endpoint "wss://example.com": scheme wss`)
	})
}

func TestZeroClients(t *testing.T) {
	t.Parallel()
	for _, c := range []client{new(apigw.Client), new(apigw.SDKClient)} {
		c.CloseIdleConnections()
		err := c.Post(t.Context(), to, nil)
		require.ErrorIs(t, err, gatesock.ErrForbidden)
		require.ErrorContains(t, err, "not made by New")
	}
}

func TestLargestMessage(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		var size int
		c := w.serve(t, func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			size = len(body)
		})
		require.NoError(t, c.Post(t.Context(), to, make([]byte, gatesock.MaxMessageSize)))
		require.Equal(t, gatesock.MaxMessageSize, size)
	})
}

func TestInfo(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]gatesock.ConnectionInfo{
		`{"connectedAt":"2025-02-03T01:46:33.523Z","identity":{"sourceIp":"192.0.2.1","userAgent":"agent"},` +
			`"lastActiveAt":"2025-02-03T01:46:36.076Z"}`: {
			ConnectedAt:  time.Date(2025, 2, 3, 1, 46, 33, 523e6, time.UTC),
			LastActiveAt: time.Date(2025, 2, 3, 1, 46, 36, 76e6, time.UTC),
			Identity:     gatesock.Identity{SourceIP: "192.0.2.1", UserAgent: "agent"},
		},
		`{"connectedAt":"2025-02-03T02:46:33+01:00","lastActiveAt":"2025-02-03T01:46:36"}`: {
			ConnectedAt:  time.Date(2025, 2, 3, 1, 46, 33, 0, time.UTC),
			LastActiveAt: time.Date(2025, 2, 3, 1, 46, 36, 0, time.UTC),
		},
		`{"identity":{"sourceIp":"192.0.2.1","userAgent":null},"connectedAt":null,"new":[1]}`: {
			Identity: gatesock.Identity{SourceIP: "192.0.2.1"},
		},
		`{"identity":null}`: {},
		`{}trailing`:        {},
		`null`:              {},
		``:                  {},
	} {
		everyWay(t, func(t *testing.T, w way) {
			c := w.serve(t, answer(200, "", body))
			info, err := c.Info(t.Context(), to)
			require.NoError(t, err, body)
			require.Equal(t, want, info, body)
		})
	}
}

func TestInfoFails(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		_, err := w.serve(t, answer(410, "GoneException", "")).Info(t.Context(), to)
		require.ErrorIs(t, err, gatesock.ErrGone)
		require.ErrorContains(t, err, `apigw: info of "`)

		for _, body := range []string{"<html>", "[]", `{"connectedAt":1}`, `{"lastActiveAt":"today"}`, `{"identity":7}`} {
			_, err = w.serve(t, answer(200, "", body)).Info(t.Context(), to)
			require.ErrorContains(t, err, "failed to decode", body)
		}
	})
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		var method string
		c := w.serve(t, func(w http.ResponseWriter, r *http.Request) {
			method = r.Method
			w.WriteHeader(http.StatusNoContent)
		})
		require.NoError(t, c.Disconnect(t.Context(), to))
		require.Equal(t, http.MethodDelete, method)
	})
}
