package signing

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gatesock/gatesock/internal/sigv4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func fixed(c Credentials) func(context.Context) (Credentials, error) {
	return func(context.Context) (Credentials, error) { return c, nil }
}

// sdk signs the same request with the SDK's signer, and returns its headers and its path on the
// wire.
func sdk(t require.TestingT, cfg Config, c Credentials, r Request, data []byte) (http.Header, string) {
	path, err := url.PathUnescape(cfg.Path)
	require.NoError(t, err)
	req := &http.Request{
		Method: r.Method,
		URL: &url.URL{
			Scheme: "https", Host: cfg.Host,
			Path:    path + "/@connections/" + r.ConnectionID,
			RawPath: string(AppendPath(nil, cfg.Path, r.ConnectionID)),
		},
		Header:        http.Header{},
		ContentLength: int64(len(data)),
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	hash := sigv4.HashPayload(data)
	err = v4.NewSigner().SignHTTP(context.Background(),
		aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken},
		req, string(hash[:]), sigv4.Service, cfg.Region, cfg.Clock())
	require.NoError(t, err)
	require.Equal(t, cfg.Host, req.URL.Host)
	return req.Header, req.URL.EscapedPath()
}

func TestSignsAsTheSDKDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := Credentials{
			AccessKeyID:     rapid.StringMatching(`[!-~]{1,20}`).Draw(t, "key"),
			SecretAccessKey: rapid.StringN(1, 60, -1).Draw(t, "secret"),
			SessionToken:    rapid.StringMatching(`|[!-~]{1,300}`).Draw(t, "token"),
		}
		now := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).
			In(time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*3600))
		cfg := Config{
			Region:   rapid.StringMatching(`[a-z]{2}(-gov)?-[a-z]{4,9}-[1-9]`).Draw(t, "region"),
			Host:     rapid.StringMatching(`[a-z0-9-]{1,9}(\.[a-z0-9]{1,9}){0,3}(:8443)?`).Draw(t, "host"),
			Path:     rapid.StringMatching(`|(/([A-Za-z0-9$_.+!*'()~-]|%2[0-9A-F]){1,9}){1,3}`).Draw(t, "path"),
			Retrieve: fixed(c),
			Clock:    func() time.Time { return now },
		}
		data := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data")
		r := Request{
			Method: rapid.SampledFrom([]string{"POST", "GET", "DELETE"}).Draw(t, "method"),
			ConnectionID: rapid.OneOf(
				rapid.StringMatching(`[A-Za-z0-9_-]{15}=`), rapid.String(), rapid.StringMatching(`[ -~]*`),
				rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) }),
			).Draw(t, "id"),
			ContentType: rapid.SampledFrom([]string{
				"", "application/octet-stream", "text/plain; charset=utf-8",
			}).Draw(t, "type"),
			ContentLength: len(data),
			PayloadHash:   sigv4.HashPayload(data),
		}
		m, err := New(cfg).Moment(context.Background())
		require.NoError(t, err)

		header, path := sdk(t, cfg, c, r, data)
		require.Equal(t, path, string(AppendPath(nil, cfg.Path, r.ConnectionID)))
		require.Equal(t, header.Get("X-Amz-Date"), m.Date)
		require.Equal(t, header.Get("X-Amz-Security-Token"), m.Token)
		got := m.AppendAuthorization([]byte("before"), r)
		require.Equal(t, "before"+header.Get("Authorization"), string(got))
	})
}

func TestAppendPath(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"R0oXAdfD0kwCH6w=": "/prod/@connections/R0oXAdfD0kwCH6w%3D",
		"a/../b":           "/prod/@connections/a%2F..%2Fb",
		"a?b#c d+e%2F\r\n": "/prod/@connections/a%3Fb%23c%20d%2Be%252F%0D%0A",
		"ü\xff@":           "/prod/@connections/%C3%BC%FF%40",
	} {
		require.Equal(t, want, string(AppendPath(nil, "/prod", id)))
	}
}

// A moment is shared within its second. The next one has new credentials and a new date.
func TestMomentsFollowTheClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	calls := 0
	s := New(Config{
		Region: "eu-west-1", Host: "h", Clock: func() time.Time { return now },
		Retrieve: func(context.Context) (Credentials, error) {
			calls++
			return Credentials{"AKID", "SECRET", string(rune('A' + calls))}, nil
		},
	})
	first, err := s.Moment(t.Context())
	require.NoError(t, err)
	now = now.Add(999 * time.Millisecond)
	again, err := s.Moment(t.Context())
	require.NoError(t, err)
	require.Same(t, first, again)
	require.Equal(t, "20261231T235959Z", first.Date)

	for _, step := range []time.Duration{time.Millisecond, -time.Hour, 15 * time.Minute} {
		now = now.Add(step)
		next, err := s.Moment(t.Context())
		require.NoError(t, err)
		require.Equal(t, now.Format("20060102T150405Z"), next.Date)
		require.Contains(t, string(next.AppendAuthorization(nil, Request{})), "AKID/"+now.Format("20060102")+"/")
		require.Equal(t, string(rune('A'+calls)), next.Token)
	}
	require.Equal(t, 4, calls)
}

func TestOneGoroutineRetrieves(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	var calls atomic.Int64
	retrieve := func(context.Context) (Credentials, error) {
		calls.Add(1)
		return Credentials{"AKID", "SECRET", ""}, nil
	}
	s := New(Config{Host: "h", Clock: func() time.Time { return now }, Retrieve: retrieve})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			m, err := s.Moment(t.Context())
			if err != nil || m.Token != "" {
				t.Errorf("moment %v, error %v", m, err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, calls.Load())
}

// A goroutine that waits for another one to retrieve the credentials keeps its own deadline.
func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	s := New(Config{Host: "h", Retrieve: func(context.Context) (Credentials, error) {
		close(entered)
		<-release
		return Credentials{"AKID", "SECRET", ""}, nil
	}})
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = s.Moment(context.Background()) })
	<-entered
	why := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err := s.Moment(ctx)
	require.ErrorIs(t, err, why)
	close(release)
	wg.Wait()
}

func TestUnusableCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range []Credentials{
		{}, {AccessKeyID: "a"}, {SecretAccessKey: "s"}, {"a b", "s", ""}, {"a", "s", "t\r\nX-Evil: 1"}, {"a", "s", "ü"},
	} {
		_, err := New(Config{Host: "h", Retrieve: fixed(c)}).Moment(t.Context())
		require.ErrorContains(t, err, "the credentials ")
	}
	why := errors.New("the metadata service is away")
	_, err := New(Config{Host: "h", Retrieve: func(context.Context) (Credentials, error) {
		return Credentials{}, why
	}}).Moment(t.Context())
	require.ErrorIs(t, err, why)
	require.ErrorContains(t, err, "retrieve credentials: ")
}

func TestAllocs(t *testing.T) {
	token := string(bytes.Repeat([]byte("t"), 1200))
	now := time.Now()
	s := New(Config{
		Region: "eu-west-1", Host: "h", Retrieve: fixed(Credentials{"AKID", "SECRET", token}),
		Clock: func() time.Time { return now },
	})
	r := Request{Method: "POST", ConnectionID: "R0oXAdfD0kwCH6w=", ContentLength: 512}
	buf := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m, err := s.Moment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		buf = m.AppendAuthorization(AppendPath(buf[:0], "/prod", r.ConnectionID), r)
	}))
}

func BenchmarkAuthorization(b *testing.B) {
	token := string(bytes.Repeat([]byte("t"), 1200))
	s := New(Config{Region: "eu-west-1", Host: "h", Retrieve: fixed(Credentials{"AKID", "SECRET", token})})
	r := Request{Method: "POST", ConnectionID: "R0oXAdfD0kwCH6w=", ContentLength: 512}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		m, err := s.Moment(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		buf = m.AppendAuthorization(buf[:0], r)
	}
}
