package authz

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
)

func with(ticket, origin string) *Handshake {
	h := &Handshake{Query: url.Values{"ticket": {ticket}}, Header: http.Header{}}
	if origin != "" {
		h.Header.Set("Origin", origin)
	}
	return h
}

func TestTickets(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tickets := NewTickets(NewMemoryTickets(), WithClock(func() time.Time { return now }))
	a := tickets.Authenticator()
	ann := Principal{ID: "ann", Scopes: []string{"say"}}
	issue := func(p Principal, origin string) string {
		ticket, expires, err := tickets.Issue(t.Context(), p, origin)
		require.NoError(t, err)
		require.Equal(t, now.Add(defaultTicketTTL), expires)
		return ticket
	}
	ticket := issue(ann, app)
	p, err := a.Authenticate(t.Context(), with(ticket, app))
	require.NoError(t, err)
	require.Equal(t, ann, p)

	for name, h := range map[string]*Handshake{
		"used": with(ticket, app), "never was": with(strings.Repeat("x", len(ticket)), app), "no ticket": with("x", app),
		"another origin": with(issue(ann, app), "https://evil.test"), "no origin": with(issue(ann, app), ""), "an origin too many": with(issue(ann, ""), app),
	} {
		_, err := a.Authenticate(t.Context(), h)
		require.ErrorIs(t, err, ErrUnauthenticated, name)
		require.NotErrorIs(t, err, ErrNoCredential, name)
	}
	_, err = a.Authenticate(t.Context(), with("", app))
	require.ErrorIs(t, err, ErrNoCredential)

	ticket = issue(ann, app)
	_, err = a.Authenticate(t.Context(), with(ticket, "https://evil.test"))
	require.Error(t, err)
	_, err = a.Authenticate(t.Context(), with(ticket, app))
	require.Error(t, err, "it is used up by the attempt")

	ticket = issue(ann, app)
	now = now.Add(defaultTicketTTL)
	_, err = a.Authenticate(t.Context(), with(ticket, app))
	require.ErrorContains(t, err, "has expired")

	ann.ExpiresAt = now.Add(time.Second)
	_, expires, err := tickets.Issue(t.Context(), ann, "")
	require.NoError(t, err)
	require.Equal(t, ann.ExpiresAt, expires, "not longer than the principal")
	now = ann.ExpiresAt
	_, _, err = tickets.Issue(t.Context(), ann, "")
	require.ErrorIs(t, err, ErrUnauthenticated)
	_, _, err = tickets.Issue(t.Context(), Principal{}, "")
	require.Error(t, err)
}

func TestTicketIsUsedOnce(t *testing.T) {
	t.Parallel()
	tickets := NewTickets(NewMemoryTickets())
	for range 20 {
		ticket, _, err := tickets.Issue(t.Context(), Principal{ID: "ann"}, "")
		require.NoError(t, err)
		var in atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := tickets.Authenticator().Authenticate(t.Context(), with(ticket, "")); err == nil {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, in.Load())
	}
}

// broken is a store that fails.
type broken struct{}

func (broken) Create(context.Context, string, Ticket) error { return errors.New("down") }

func (broken) Consume(context.Context, string) (Ticket, error) { return Ticket{}, errors.New("down") }

func TestTicketHandler(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	who := func(r *http.Request) (Principal, error) {
		switch user := r.Header.Get("X-User"); user {
		case "":
			return Principal{}, ErrNoCredential
		case "banned":
			return Principal{}, ErrForbidden
		default:
			return Principal{ID: user}, nil
		}
	}
	app := Origins("https://app.example.com")
	good := NewTickets(NewMemoryTickets(), WithLogger(quiet), WithOrigins(app))
	for _, c := range []struct {
		method, user string
		tickets      *Tickets
		status       int
	}{
		{"POST", "ann", good, 200},
		{"GET", "ann", good, 405},
		{"POST", "", good, 401},
		{"POST", "banned", good, 403},
		{"POST", "ann", NewTickets(broken{}, WithLogger(quiet), WithOrigins(app)), 500},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/ticket", nil)
		r.Header.Set("Origin", "https://app.example.com")
		r.Header.Set("X-User", c.user)
		w := httptest.NewRecorder()
		c.tickets.Handler(who).ServeHTTP(w, r)
		require.Equal(t, c.status, w.Code)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		body, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		if c.status == 200 {
			require.Regexp(t, `^\{"ticket":"[\w-]{43}","expires":"[^"]+Z"\}\n$`, string(body))
			ticket := string(body[len(`{"ticket":"`):][:43])
			p, err := c.tickets.Authenticator().Authenticate(t.Context(), with(ticket, "https://app.example.com"))
			require.NoError(t, err)
			require.Equal(t, "ann", p.ID)
		}
	}
	_, err := NewTickets(broken{}).Authenticator().Authenticate(t.Context(), with(strings.Repeat("x", ticketSize), ""))
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnauthenticated, "a fault of ours")
}

// header has the headers of a request or a response that concern origins.
type header map[string]string

// Pages of the allowed origins can fetch a ticket, with cookies; others can't.
func TestTicketHandlerAcrossOrigins(t *testing.T) {
	t.Parallel()
	const app, evil = "https://app.example.com", "https://app.example.com.evil.test"
	quiet := slog.New(slog.DiscardHandler)
	guarded := NewTickets(NewMemoryTickets(), WithLogger(quiet), WithOrigins(Origins("https://*.example.com", "null")))
	open := NewTickets(NewMemoryTickets(), WithLogger(quiet), WithOrigins(DangerouslyAllowAnyOrigin(WithLogger(quiet))))
	own := NewTickets(NewMemoryTickets(), WithLogger(quiet))
	preflight := func(origin string) header {
		return header{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-csrf-token"}
	}
	allowed := func(origin string) header {
		return header{"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
	}
	permitted := func(origin string) header {
		h := allowed(origin)
		h["Access-Control-Allow-Methods"], h["Access-Control-Allow-Headers"], h["Access-Control-Max-Age"] = "POST", "content-type,x-csrf-token", "600"
		return h
	}
	for name, c := range map[string]struct {
		tickets *Tickets
		method  string
		send    header
		status  int
		want    header
	}{
		"preflight":                            {guarded, "OPTIONS", preflight(app), 204, permitted(app)},
		"preflight of another origin":          {guarded, "OPTIONS", preflight(evil), 204, header{}},
		"preflight of null":                    {guarded, "OPTIONS", preflight("null"), 204, permitted("null")},
		"preflight of a pattern":               {guarded, "OPTIONS", preflight("https://*.example.com"), 204, header{}},
		"preflight for another method":         {guarded, "OPTIONS", header{"Origin": app, "Access-Control-Request-Method": "DELETE"}, 204, header{}},
		"post":                                 {guarded, "POST", header{"Origin": app, "Sec-Fetch-Site": "cross-site"}, 200, allowed(app)},
		"post of another origin":               {guarded, "POST", header{"Origin": evil}, 403, header{}},
		"post without an origin":               {guarded, "POST", nil, 200, header{}},
		"get":                                  {guarded, "GET", header{"Origin": app}, 405, header{}},
		"in development":                       {open, "POST", header{"Origin": evil}, 200, allowed(evil)},
		"preflight in development":             {open, "OPTIONS", preflight(evil), 204, permitted(evil)},
		"own origin":                           {own, "POST", header{"Origin": "https://api.example.com", "Sec-Fetch-Site": "same-origin"}, 200, header{}},
		"own origin, an old browser":           {own, "POST", header{"Origin": "https://api.example.com"}, 200, header{}},
		"no origins, another":                  {own, "POST", header{"Origin": app, "Sec-Fetch-Site": "same-site"}, 403, header{}},
		"no origins, another, old browser":     {own, "POST", header{"Origin": app}, 403, header{}},
		"no origins, preflight":                {own, "OPTIONS", preflight(app), 405, header{}},
		"no origins, a program":                {own, "POST", nil, 200, header{}},
		"no origins, an origin of 9,000 bytes": {open, "POST", header{"Origin": "https://" + strings.Repeat("a", 9000)}, 403, allowed("https://" + strings.Repeat("a", 9000))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := false
			r := httptest.NewRequestWithContext(t.Context(), c.method, "https://api.example.com/ticket", nil)
			for k, v := range c.send {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			c.tickets.Handler(func(*http.Request) (Principal, error) {
				asked = true
				return Principal{ID: "ann"}, nil
			}).ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code)
			got := header{}
			for k := range w.Header() {
				if strings.HasPrefix(k, "Access-Control-") {
					got[k] = w.Header().Get(k)
				}
			}
			require.Equal(t, c.want, got)
			require.NotEqual(t, "*", got["Access-Control-Allow-Origin"])
			if c.tickets != own {
				require.Contains(t, strings.Join(w.Header().Values("Vary"), ", "), "Origin")
			}
			if c.status == 403 && len(c.send["Origin"]) < maxOrigin {
				require.False(t, asked, "who was asked for a request of another origin")
			}
		})
	}
}

// A ticket expires by the wall clock, even if the process was frozen in between.
func TestTicketEndsWhileFrozen(t *testing.T) {
	t.Parallel()
	for name, clock := range map[string]func(at time.Time) time.Time{
		"frozen":  func(at time.Time) time.Time { return testclock.Frozen(at, defaultTicketTTL) },
		"running": func(at time.Time) time.Time { return at.Add(defaultTicketTTL) },
	} {
		now := time.Now()
		read := func() time.Time { return now }
		tickets := NewTickets(NewMemoryTickets(WithClock(read)), WithClock(read))
		ticket, _, err := tickets.Issue(t.Context(), Principal{ID: "ann"}, "")
		require.NoError(t, err)
		now = clock(now)
		_, err = tickets.Authenticator().Authenticate(t.Context(), with(ticket, ""))
		require.ErrorIs(t, err, ErrUnauthenticated, name)
	}
}
