package dynamoauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/authztest"
	"github.com/gatesock/gatesock/authz/dynamoauth"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func newStore(t *testing.T, api dynamoauth.API, opts ...dynamoauth.Option) *dynamoauth.Store {
	t.Helper()
	if api == nil {
		api = dynamotest.Client(t)
	}
	s, err := dynamoauth.New(api, dynamotest.Table(t), append(opts, dynamoauth.WithNamespace(dynamotest.Namespace(t)))...)
	require.NoError(t, err)
	return s
}

// Two processes have one namespace.
func TestConformance(t *testing.T) {
	t.Parallel()
	var namespaces sync.Map // by test
	open := func(t *testing.T, now func() time.Time) *dynamoauth.Store {
		t.Helper()
		namespace, _ := namespaces.LoadOrStore(t.Name(), dynamotest.Namespace(t))
		s, err := dynamoauth.New(dynamotest.Client(t), dynamotest.Table(t), dynamoauth.WithClock(now), dynamoauth.WithNamespace(namespace.(string)))
		require.NoError(t, err)
		return s
	}
	t.Run("tickets", func(t *testing.T) {
		t.Parallel()
		authztest.RunTickets(t, func(t *testing.T, now func() time.Time) (a, b authz.TicketStore) {
			return open(t, now), open(t, now)
		})
	})
	t.Run("renewals", func(t *testing.T) {
		t.Parallel()
		authztest.RunRenewals(t, func(t *testing.T, now func() time.Time) (a, b authz.RenewalStore) {
			return open(t, now), open(t, now)
		})
	})
}

func ann() authz.Principal {
	return authz.Principal{
		ID: "ann", Scopes: []string{"read", "say"}, Roles: []string{"member"}, Attributes: map[string]string{"tenant": "ü"},
		ExpiresAt: testclock.Noon().AddDate(0, 0, 7), UsageKey: "k",
	}
}

func TestTickets(t *testing.T) {
	t.Parallel()
	s := newStore(t, nil)
	want := authz.Ticket{Principal: ann(), Origin: "https://app.example.com", ExpiresAt: time.Now().Add(time.Minute).UTC().Round(0)}
	require.NoError(t, s.Create(t.Context(), "hash", want))
	require.Error(t, s.Create(t.Context(), "hash", want), "the hash is new")
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
	namespace := dynamoauth.WithNamespace(dynamotest.Namespace(t))
	var processes []authz.Authenticator
	var issuer *authz.Tickets
	for range 4 {
		s, err := dynamoauth.New(dynamotest.Client(t), dynamotest.Table(t), namespace)
		require.NoError(t, err)
		issuer = authz.NewTickets(s, authz.WithLogger(slog.New(slog.DiscardHandler)))
		processes = append(processes, issuer.Authenticator())
	}
	for range 10 {
		ticket, _, err := issuer.Issue(t.Context(), ann(), "https://app.example.com")
		require.NoError(t, err)
		h := &authz.Handshake{Query: url.Values{"ticket": {ticket}}, Header: http.Header{"Origin": {"https://app.example.com"}}}
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

func TestRenewals(t *testing.T) {
	t.Parallel()
	s := newStore(t, nil)
	_, err := s.Load(t.Context(), "c=")
	require.ErrorIs(t, err, authz.ErrNoRenewal)
	require.NoError(t, s.Save(t.Context(), "c=", authz.Principal{ID: "bob"}))
	require.NoError(t, s.Save(t.Context(), "c=", ann()))
	p, err := s.Load(t.Context(), "c=")
	require.NoError(t, err)
	require.Equal(t, ann(), p)
	_, err = newStore(t, nil).Load(t.Context(), "c=")
	require.ErrorIs(t, err, authz.ErrNoRenewal, "another namespace")
}

// spy sees what goes to the table and what it costs.
type spy struct {
	dynamoauth.API

	units   float64
	expires []string
}

func (s *spy) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	s.expires = append(s.expires, in.Item["exp"].(*types.AttributeValueMemberN).Value)
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := s.API.PutItem(ctx, in, o...)
	if err == nil {
		s.units += *out.ConsumedCapacity.CapacityUnits
	}
	return out, err
}

func (s *spy) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := s.API.DeleteItem(ctx, in, o...)
	if err == nil {
		s.units += *out.ConsumedCapacity.CapacityUnits
	}
	return out, err
}

func (s *spy) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := s.API.GetItem(ctx, in, o...)
	if err == nil {
		s.units += *out.ConsumedCapacity.CapacityUnits
	}
	return out, err
}

// What each call costs, and that all items expire.
func TestCosts(t *testing.T) {
	t.Parallel()
	now := testclock.Noon().Add(5)
	api := &spy{API: dynamotest.Client(t)}
	s := newStore(t, api, dynamoauth.WithClock(func() time.Time { return now }))
	for _, c := range []struct {
		name  string
		call  func() error
		units float64
	}{
		{"create", func() error {
			return s.Create(t.Context(), "h", authz.Ticket{Principal: ann(), ExpiresAt: now.Add(30 * time.Second)})
		}, 1},
		{"consume", func() error { _, err := s.Consume(t.Context(), "h"); return err }, 1},
		{"save", func() error { return s.Save(t.Context(), "c", ann()) }, 1},
		{"load", func() error { _, err := s.Load(t.Context(), "c"); return err }, 1},
	} {
		api.units = 0
		require.NoError(t, c.call(), c.name)
		require.InDelta(t, c.units, api.units, 1e-9, c.name)
	}
	seconds := func(n int64) string { return strconv.FormatInt(testclock.Noon().Unix()+n, 10) }
	require.Equal(t, []string{seconds(31), seconds(10801)}, api.expires, "rounded up")
}

// foreign gives items that this package has not made.
type foreign struct {
	dynamoauth.API

	item map[string]types.AttributeValue
	err  error
}

func (f foreign) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{Attributes: f.item}, f.err
}

func (f foreign) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: f.item}, f.err
}

func (f foreign) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return nil, f.err
}

// What is in the table by mistake, and a table that fails, are faults: nobody is let in, and nobody is told that they are wrong.
func TestFaults(t *testing.T) {
	t.Parallel()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for name, f := range map[string]foreign{
		"down":         {err: errors.New("down")},
		"no principal": {item: map[string]types.AttributeValue{"pk": text("x")}},
		"no JSON":      {item: map[string]types.AttributeValue{"p": text("{")}},
		"nobody":       {item: map[string]types.AttributeValue{"p": text("{}"), "x": &types.AttributeValueMemberN{Value: "1"}}},
		"no number":    {item: map[string]types.AttributeValue{"p": text(`{"ID":"u"}`), "x": text("1")}},
	} {
		s := newStore(t, f)
		_, err := s.Consume(t.Context(), "h")
		require.Error(t, err, name)
		require.NotErrorIs(t, err, authz.ErrNoTicket, name)
		if name == "no number" {
			continue
		}
		_, err = s.Load(t.Context(), "c")
		require.Error(t, err, name)
		require.NotErrorIs(t, err, authz.ErrNoRenewal, name)
	}
	s := newStore(t, foreign{err: errors.New("down")})
	require.ErrorContains(t, s.Create(t.Context(), "h", authz.Ticket{}), "down")
	require.ErrorContains(t, s.Save(t.Context(), "c", ann()), "down")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	client := foreign{}
	for _, o := range []dynamoauth.Option{
		dynamoauth.WithNamespace("a#b"), dynamoauth.WithNamespace("\xff"), dynamoauth.WithNamespace(strings.Repeat("x", 256)), dynamoauth.WithClock(nil),
	} {
		_, err := dynamoauth.New(client, "t", o)
		require.Error(t, err)
	}
	_, err := dynamoauth.New(client, "")
	require.ErrorContains(t, err, "name is empty")
	require.Panics(t, func() { _, _ = dynamoauth.New(nil, "t") })
}
