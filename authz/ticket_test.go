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
	tickets := &Tickets{Store: new(MemoryTickets), Clock: func() time.Time { return now }}
	a := tickets.Authenticator()
	ann := Principal{ID: "ann", Scopes: []string{"say"}}
	issue := func(p Principal, origin string) string {
		ticket, expires, err := tickets.Issue(t.Context(), p, origin)
		require.NoError(t, err)
		require.Equal(t, now.Add(DefaultTicketTime), expires)
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
	now = now.Add(DefaultTicketTime)
	_, err = a.Authenticate(t.Context(), with(ticket, app))
	require.ErrorContains(t, err, "has expired")

	ann.Expires = now.Add(time.Second)
	_, expires, err := tickets.Issue(t.Context(), ann, "")
	require.NoError(t, err)
	require.Equal(t, ann.Expires, expires, "not longer than the principal")
	now = ann.Expires
	_, _, err = tickets.Issue(t.Context(), ann, "")
	require.ErrorIs(t, err, ErrUnauthenticated)
	_, _, err = tickets.Issue(t.Context(), Principal{}, "")
	require.Error(t, err)
}

func TestTicketIsUsedOnce(t *testing.T) {
	t.Parallel()
	tickets := &Tickets{Store: new(MemoryTickets)}
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

func TestMemoryTicketsAreBounded(t *testing.T) {
	t.Parallel()
	var s MemoryTickets
	start := time.Now()
	for i := range maxRemembered + 10 {
		require.NoError(t, s.Create(t.Context(), string(rune(i)), Ticket{Expires: start.Add(time.Duration(i))}))
	}
	require.Len(t, s.m, maxRemembered)
	_, err := s.Consume(t.Context(), string(rune(0)))
	require.ErrorIs(t, err, ErrNoTicket)
	_, err = s.Consume(t.Context(), string(rune(maxRemembered)))
	require.NoError(t, err)
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
	good := &Tickets{Store: new(MemoryTickets), Logger: quiet}
	for _, c := range []struct {
		method, user string
		tickets      *Tickets
		status       int
	}{
		{"POST", "ann", good, 200},
		{"GET", "ann", good, 405},
		{"POST", "", good, 401},
		{"POST", "banned", good, 403},
		{"POST", "ann", &Tickets{Store: broken{}, Logger: quiet}, 500},
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
	_, err := (&Tickets{Store: broken{}}).Authenticator().Authenticate(t.Context(), with(strings.Repeat("x", ticketSize), ""))
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnauthenticated, "a fault of ours")
}
