package authztest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestMemoryTickets(t *testing.T) {
	t.Parallel()
	RunTickets(t, func(_ *testing.T, now func() time.Time) (a, b authz.TicketStore) {
		s := authz.NewMemoryTickets(authz.WithClock(now))
		return s, s
	})
}

func TestMemoryRenewals(t *testing.T) {
	t.Parallel()
	RunRenewals(t, func(_ *testing.T, now func() time.Time) (a, b authz.RenewalStore) {
		s := authz.NewMemoryRenewals(authz.WithClock(now))
		return s, s
	})
}

// failing returns the first three words of the names of the checks that a store fails.
func failing[S any](t *testing.T, checks []check[S], open func(now func() time.Time) S) []string {
	t.Helper()
	var names []string
	for _, c := range checks {
		clock := testclock.New(testclock.Noon())
		s := open(clock.Now)
		if err := c.run(t.Context(), s, s, clock); err != nil {
			names = append(names, strings.Join(strings.Fields(c.name)[:3], " "))
		}
	}
	return names
}

// tickets is a store that breaks a promise. A nil function does what the store in memory does.
type tickets struct {
	authz.TicketStore

	now     func() time.Time
	mu      *sync.Mutex // for stores that make several calls, so that chance does not decide what others see
	times   *sync.Map   // when each ticket was created, for stores that use it
	create  func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error
	consume func(s *tickets, ctx context.Context, hash string) (authz.Ticket, error)
}

func (s *tickets) Create(ctx context.Context, hash string, t authz.Ticket) error {
	if s.create != nil {
		return s.create(s, ctx, hash, t)
	}
	return s.TicketStore.Create(ctx, hash, t)
}

func (s *tickets) Consume(ctx context.Context, hash string) (authz.Ticket, error) {
	if s.consume != nil {
		return s.consume(s, ctx, hash)
	}
	return s.TicketStore.Consume(ctx, hash)
}

func TestSuiteFindsBrokenTicketStores(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken tickets
		fails  []string
	}{
		"none": {tickets{}, nil},
		"returns a ticket more than once": {tickets{consume: func(s *tickets, ctx context.Context, hash string) (authz.Ticket, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			t, err := s.TicketStore.Consume(ctx, hash)
			if err == nil {
				err = s.TicketStore.Create(ctx, hash, t)
			}
			return t, err
		}}, []string{"a ticket is", "of many at"}},
		"forgets the origin": {tickets{create: func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error {
			t.Origin = ""
			return s.TicketStore.Create(ctx, hash, t)
		}}, []string{"a ticket comes"}},
		"forgets the roles": {tickets{create: func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error {
			t.Principal.Roles = nil
			return s.TicketStore.Create(ctx, hash, t)
		}}, []string{"a ticket comes"}},
		"has no error of its own for what is not there": {tickets{consume: func(s *tickets, ctx context.Context, hash string) (authz.Ticket, error) {
			t, err := s.TicketStore.Consume(ctx, hash)
			if errors.Is(err, authz.ErrNoTicket) {
				err = errors.New("not found")
			}
			return t, err
		}}, []string{"a ticket is", "of many at", "a ticket that"}},
		"keeps tickets by a part of the hash": {tickets{create: func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error {
			return s.TicketStore.Create(ctx, hash[:60], t)
		}, consume: func(s *tickets, ctx context.Context, hash string) (authz.Ticket, error) {
			return s.TicketStore.Consume(ctx, hash[:60])
		}}, []string{"tickets are apart", "a ticket that"}},
		"overwrites": {tickets{create: func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error {
			_, _ = s.TicketStore.Consume(ctx, hash)
			return s.TicketStore.Create(ctx, hash, t)
		}}, []string{"a hash is"}},
		"takes a ticket of the same content for the one that is there": {tickets{create: func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			err := s.TicketStore.Create(ctx, hash, t)
			if there, e := s.TicketStore.Consume(context.WithoutCancel(ctx), hash); e == nil {
				if there.Principal.ID == t.Principal.ID && ctx.Err() == nil {
					err = nil
				}
				_ = s.TicketStore.Create(context.WithoutCancel(ctx), hash, there)
			}
			return err
		}}, []string{"of many tickets"}},
		"keeps tickets for half a minute": {tickets{create: func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error {
			s.times.Store(hash, s.now())
			return s.TicketStore.Create(ctx, hash, t)
		}, consume: func(s *tickets, ctx context.Context, hash string) (authz.Ticket, error) {
			t, err := s.TicketStore.Consume(ctx, hash)
			if at, ok := s.times.Load(hash); err == nil && ok && s.now().Sub(at.(time.Time)) > 30*time.Second {
				return authz.Ticket{}, authz.ErrNoTicket
			}
			return t, err
		}}, []string{"a ticket lasts"}},
		"ignores cancellation": {tickets{create: func(s *tickets, ctx context.Context, hash string, t authz.Ticket) error {
			return s.TicketStore.Create(context.WithoutCancel(ctx), hash, t)
		}}, []string{"an ended context"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failing(t, ticketChecks(), func(now func() time.Time) authz.TicketStore {
				return &tickets{
					TicketStore: authz.NewMemoryTickets(authz.WithClock(now)), now: now, mu: new(sync.Mutex), times: new(sync.Map),
					create: c.broken.create, consume: c.broken.consume,
				}
			})
			require.Subset(t, got, c.fails)
			require.Equal(t, c.fails == nil, got == nil)
		})
	}
	shared := failing(t, ticketChecks(), func(func() time.Time) authz.TicketStore {
		return &sharing{m: make(map[string]authz.Ticket)}
	})
	require.Contains(t, shared, "what the caller")
}

// sharing keeps what it is given, with the caller's slices.
type sharing struct {
	mu sync.Mutex
	m  map[string]authz.Ticket
}

func (s *sharing) Create(_ context.Context, hash string, t authz.Ticket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[hash] = t
	return nil
}

func (s *sharing) Consume(_ context.Context, hash string) (authz.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.m[hash]
	if !ok {
		return t, authz.ErrNoTicket
	}
	delete(s.m, hash)
	return t, nil
}

// renewals is a store that breaks a promise.
type renewals struct {
	authz.RenewalStore

	now   func() time.Time
	cache *sync.Map // for stores that use one
	save  func(s *renewals, ctx context.Context, id string, p authz.Principal) error
	load  func(s *renewals, ctx context.Context, id string) (authz.Principal, error)
}

func (s *renewals) Save(ctx context.Context, id string, p authz.Principal) error {
	if s.save != nil {
		return s.save(s, ctx, id, p)
	}
	return s.RenewalStore.Save(ctx, id, p)
}

func (s *renewals) Load(ctx context.Context, id string) (authz.Principal, error) {
	if s.load != nil {
		return s.load(s, ctx, id)
	}
	return s.RenewalStore.Load(ctx, id)
}

func TestSuiteFindsBrokenRenewals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken renewals
		fails  []string
	}{
		"none": {renewals{}, nil},
		"keeps the first": {renewals{save: func(s *renewals, ctx context.Context, id string, p authz.Principal) error {
			if _, err := s.RenewalStore.Load(ctx, id); err == nil {
				return nil
			}
			return s.RenewalStore.Save(ctx, id, p)
		}}, []string{"the principal that"}},
		"trims ids": {renewals{save: func(s *renewals, ctx context.Context, id string, p authz.Principal) error {
			return s.RenewalStore.Save(ctx, strings.TrimRight(id, "="), p)
		}, load: func(s *renewals, ctx context.Context, id string) (authz.Principal, error) {
			return s.RenewalStore.Load(ctx, strings.TrimRight(id, "="))
		}}, []string{"a connection that", "connections are apart"}},
		"forgets attributes": {renewals{save: func(s *renewals, ctx context.Context, id string, p authz.Principal) error {
			p.Attributes = nil
			return s.RenewalStore.Save(ctx, id, p)
		}}, []string{"a principal comes"}},
		"returns an empty principal instead of an error": {renewals{load: func(s *renewals, ctx context.Context, id string) (authz.Principal, error) {
			p, err := s.RenewalStore.Load(ctx, id)
			if errors.Is(err, authz.ErrNoRenewal) {
				err = nil
			}
			return p, err
		}}, []string{"a connection that"}},
		"goes by what it has read before": {renewals{load: func(s *renewals, ctx context.Context, id string) (authz.Principal, error) {
			if p, ok := s.cache.Load(id); ok && ctx.Err() == nil {
				return p.(authz.Principal), nil
			}
			p, err := s.RenewalStore.Load(ctx, id)
			if err == nil {
				s.cache.Store(id, p)
			}
			return p, err
		}}, []string{"the principal that"}},
		"keeps renewals for an hour": {renewals{load: func(s *renewals, ctx context.Context, id string) (authz.Principal, error) {
			p, err := s.RenewalStore.Load(ctx, id)
			if at, _ := s.cache.LoadOrStore(id, s.now()); err == nil && s.now().Sub(at.(time.Time)) > time.Hour {
				return authz.Principal{}, authz.ErrNoRenewal
			}
			return p, err
		}, save: func(s *renewals, ctx context.Context, id string, p authz.Principal) error {
			s.cache.Store(id, s.now())
			return s.RenewalStore.Save(ctx, id, p)
		}}, []string{"a renewal lasts"}},
		"adds to what was saved before": {renewals{save: func(s *renewals, ctx context.Context, id string, p authz.Principal) error {
			if was, err := s.RenewalStore.Load(ctx, id); err == nil {
				p.Roles = append(p.Roles, was.Roles...)
			}
			return s.RenewalStore.Save(ctx, id, p)
		}}, []string{"the principal that"}},
		"ignores cancellation": {renewals{load: func(s *renewals, ctx context.Context, id string) (authz.Principal, error) {
			return s.RenewalStore.Load(context.WithoutCancel(ctx), id)
		}}, []string{"an ended context"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failing(t, renewalChecks(), func(now func() time.Time) authz.RenewalStore {
				return &renewals{
					RenewalStore: authz.NewMemoryRenewals(authz.WithClock(now)), now: now, cache: new(sync.Map),
					save: c.broken.save, load: c.broken.load,
				}
			})
			require.Subset(t, got, c.fails)
			require.Equal(t, c.fails == nil, got == nil)
		})
	}
}
