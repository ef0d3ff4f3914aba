package dynamo_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/authztest"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestTicketsConformance(t *testing.T) {
	t.Parallel()
	authztest.RunTickets(t, func(t *testing.T, now func() time.Time) (a, b authz.TicketStore) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		open := func() authz.TicketStore {
			return openIn(t, dynamotest.Client(t), namespace, dynamo.WithClock(now)).Tickets()
		}
		return open(), open()
	})
}

func TestRenewalsConformance(t *testing.T) {
	t.Parallel()
	authztest.RunRenewals(t, func(t *testing.T, now func() time.Time) (a, b authz.RenewalStore) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		open := func() authz.RenewalStore {
			return openIn(t, dynamotest.Client(t), namespace, dynamo.WithClock(now)).Renewals()
		}
		return open(), open()
	})
}

func annPrincipal() authz.Principal {
	return authz.Principal{
		ID: "ann", Scopes: []string{"read", "say"}, Roles: []string{"member"},
		Attributes: map[string]string{"tenant": "ü"}, ExpiresAt: testclock.Noon().AddDate(0, 0, 7), UsageKey: "k",
	}
}

func ticketOf(p authz.Principal) authz.Ticket {
	return authz.Ticket{
		Principal: p, Origin: "https://app.example.com", ExpiresAt: time.Now().Add(time.Minute).UTC().Round(0),
	}
}

func TestTickets(t *testing.T) {
	t.Parallel()
	s := openIn(t, dynamotest.Client(t), dynamotest.Namespace(t)).Tickets()
	want := ticketOf(annPrincipal())
	require.NoError(t, s.Create(t.Context(), "hash", want))
	require.Error(t, s.Create(t.Context(), "hash", want), "the hash exists")
	_, err := s.Consume(t.Context(), "other")
	require.ErrorIs(t, err, authz.ErrNoTicket)
	got, err := s.Consume(t.Context(), "hash")
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = s.Consume(t.Context(), "hash")
	require.ErrorIs(t, err, authz.ErrNoTicket)
}

// Of many handshakes with one ticket, in several processes, one is let in.
func TestTicketIsUsedOnce(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	var processes []authz.Authenticator
	var issuer *authz.Tickets
	for range 4 {
		s := openIn(t, dynamotest.Client(t), namespace).Tickets()
		issuer = authz.NewTickets(s, authz.WithLogger(slog.New(slog.DiscardHandler)))
		processes = append(processes, issuer.Authenticator())
	}
	for range 10 {
		ticket, _, err := issuer.Issue(t.Context(), annPrincipal(), "https://app.example.com")
		require.NoError(t, err)
		h := &authz.Handshake{
			Query: url.Values{"ticket": {ticket}}, Header: http.Header{"Origin": {"https://app.example.com"}},
		}
		var in atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				p, err := processes[i%len(processes)].Authenticate(t.Context(), h)
				switch {
				case err == nil && p.ID == "ann":
					in.Add(1)
				case !errors.Is(err, authz.ErrUnauthenticated):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, in.Load())
	}
}

// A ticket is created, also if the answer is lost.
func TestTicketCreatedWithALostAnswer(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		api := unheardOnce(t)
		api.early = early
		s := openIn(t, api, dynamotest.Namespace(t)).Tickets()
		want := ticketOf(annPrincipal())
		require.NoError(t, s.Create(t.Context(), "hash", want))
		got, err := s.Consume(t.Context(), "hash")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// A ticket whose use lost its answer is not reported as a bad one, and is never accepted twice.
func TestTicketUsedWithALostAnswer(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	others := openIn(t, dynamotest.Client(t), namespace).Tickets()
	require.NoError(t, others.Create(t.Context(), "hash", ticketOf(annPrincipal())))
	_, err := openIn(t, unheardOnce(t), namespace).Tickets().Consume(t.Context(), "hash")
	require.ErrorContains(t, err, "was used by an attempt whose answer was lost: the client needs another ticket")
	require.NotErrorIs(t, err, authz.ErrNoTicket)
	_, err = others.Consume(t.Context(), "hash")
	require.ErrorIs(t, err, authz.ErrNoTicket)

	// A request that did not arrive changes nothing.
	require.NoError(t, others.Create(t.Context(), "hash", ticketOf(annPrincipal())))
	api := unheardOnce(t)
	api.early = true
	got, err := openIn(t, api, namespace).Tickets().Consume(t.Context(), "hash")
	require.NoError(t, err)
	require.Equal(t, annPrincipal(), got.Principal)
}

func TestRenewals(t *testing.T) {
	t.Parallel()
	s := openIn(t, unheardOnce(t), dynamotest.Namespace(t)).Renewals()
	_, err := s.Load(t.Context(), "c=")
	require.ErrorIs(t, err, authz.ErrNoRenewal)
	require.NoError(t, s.Save(t.Context(), "c=", authz.Principal{ID: "bob"}))
	require.NoError(t, s.Save(t.Context(), "c=", annPrincipal()))
	p, err := s.Load(t.Context(), "c=")
	require.NoError(t, err)
	require.Equal(t, annPrincipal(), p)
	_, err = openIn(t, dynamotest.Client(t), dynamotest.Namespace(t)).Renewals().Load(t.Context(), "c=")
	require.ErrorIs(t, err, authz.ErrNoRenewal, "another namespace")
}

// Prices, and the expiry of all items.
func TestTicketsCost(t *testing.T) {
	t.Parallel()
	now := testclock.Noon().Add(5)
	m, namespace := meter.New(dynamotest.Client(t)), dynamotest.Namespace(t)
	db := openIn(t, m, namespace, stoppedAt(now))
	tickets, renewals := db.Tickets(), db.Renewals()
	seconds := func(n int64) attributes {
		return attributes{"exp": numeral(strconv.FormatInt(testclock.Noon().Unix()+n, 10))}
	}
	write, read := meter.Units{Write: 1}, meter.Units{Read: 1}
	requirePrices(
		t,
		m,
		priced{name: "create", price: write, call: func() error {
			ticket := authz.Ticket{Principal: annPrincipal(), ExpiresAt: now.Add(30 * time.Second)}
			return tickets.Create(t.Context(), "h", ticket)
		}},
		priced{
			name:  "save",
			price: write,
			call:  func() error { return renewals.Save(t.Context(), "c", annPrincipal()) },
		},
		priced{name: "load", price: read, call: func() error { _, err := renewals.Load(t.Context(), "c"); return err }},
	)
	require.Equal(t, seconds(31)["exp"], getRaw(t, namespace, "t#h", "t")["exp"], "rounded up")
	require.Equal(t, seconds(10801)["exp"], getRaw(t, namespace, "a#c", "a")["exp"], "rounded up")
	requirePrices(
		t,
		m,
		priced{
			name:  "use",
			price: write,
			call:  func() error { _, err := tickets.Consume(t.Context(), "h"); return err },
		},
	)
}

// Broken items, and a table that fails, are faults: nobody is let in, and no client is blamed.
func TestTicketsFail(t *testing.T) {
	t.Parallel()
	for name, api := range map[string]canned{
		"down":           {err: errors.New("down")},
		"no principal":   {item: attributes{"pk": text("x")}},
		"no JSON":        {item: attributes{"p": text("{")}},
		"nobody":         {item: attributes{"p": text("{}"), "x": numeral("1")}},
		"no time":        {item: attributes{"p": text(`{"ID":"u"}`), "x": text("1")}},
		"no such origin": {item: attributes{"p": text(`{"ID":"u"}`), "o": numeral("1"), "x": numeral("1")}},
	} {
		db := openIn(t, api, dynamotest.Namespace(t))
		_, err := db.Tickets().Consume(t.Context(), "h")
		require.ErrorContains(t, err, "dynamo: consume a ticket: ", name)
		require.NotErrorIs(t, err, authz.ErrNoTicket, name)
		if name == "no time" || name == "no such origin" {
			continue
		}
		_, err = db.Renewals().Load(t.Context(), "c")
		require.ErrorContains(t, err, `dynamo: load the renewal of connection "c": `, name)
		require.NotErrorIs(t, err, authz.ErrNoRenewal, name)
	}
	db := openIn(t, canned{err: errors.New("down")}, dynamotest.Namespace(t))
	require.ErrorContains(t, db.Tickets().Create(t.Context(), "h", authz.Ticket{}), "down")
	require.ErrorContains(t, db.Renewals().Save(t.Context(), "c", annPrincipal()), "down")
}
