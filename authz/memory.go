package authz

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gatesock/gatesock/internal/observing"
)

// The bounds of a store in memory.
const (
	maxMemoryEntries      = 10_000
	maxMemoryPerPrincipal = 100
)

// errMemoryFull is the error of a store in memory whose entries are all valid.
var errMemoryFull = errors.New("authz: the store in memory is full")

// NewMemoryTickets returns a TicketStore in memory, for tests and for single processes. It takes
// the option [WithClock].
//
// It holds up to 10,000 tickets. When it is full, expired tickets make room; if there are none,
// Create fails. It does not evict valid tickets, so that nobody can invalidate the tickets of
// others by asking for many. A principal has up to 100 tickets, of which a new one replaces the
// oldest.
func NewMemoryTickets(opts ...Option) TicketStore {
	return &memoryTickets{settings: newSettings("NewMemoryTickets", opts, "WithClock")}
}

type memoryTickets struct {
	settings

	tickets quotas[Ticket]
}

// Create keeps a ticket.
func (s *memoryTickets) Create(ctx context.Context, hash string, t Ticket) error {
	done, err := observing.BeginCall(ctx, "authz.CreateTicket")
	if err != nil {
		return err
	}
	defer done()
	if err := ended(ctx); err != nil {
		return err
	}
	t.Principal = t.Principal.clone()
	if err := s.tickets.add(hash, t.Principal.ID, t, t.ExpiresAt, s.now()); err != nil {
		return fmt.Errorf("authz: create a ticket: %w", err)
	}
	return nil
}

// Consume removes a ticket and returns it.
func (s *memoryTickets) Consume(ctx context.Context, hash string) (Ticket, error) {
	done, err := observing.BeginCall(ctx, "authz.ConsumeTicket")
	if err != nil {
		return Ticket{}, err
	}
	defer done()
	if err := ended(ctx); err != nil {
		return Ticket{}, err
	}
	t, ok := s.tickets.take(hash)
	if !ok {
		return Ticket{}, ErrNoTicket
	}
	return t, nil
}

// NewMemoryRenewals returns a RenewalStore in memory, for tests and for single processes. It takes
// the option [WithClock].
//
// It holds the principals of up to 10,000 connections. When it is full, those that have expired
// make room; if there are none, Save fails. It does not evict valid ones, so that nobody can end
// the connections of others by renewing many. A principal has up to 100 renewed connections, of
// which a new one replaces the oldest.
func NewMemoryRenewals(opts ...Option) RenewalStore {
	return &memoryRenewals{settings: newSettings("NewMemoryRenewals", opts, "WithClock")}
}

type memoryRenewals struct {
	settings

	renewals quotas[Principal]
}

// Save keeps the principal.
func (r *memoryRenewals) Save(ctx context.Context, connectionID string, p Principal) error {
	done, err := observing.BeginCall(ctx, "authz.SaveRenewal")
	if err != nil {
		return err
	}
	defer done()
	if err := ended(ctx); err != nil {
		return err
	}
	now := r.now()
	if err := r.renewals.put(connectionID, p.ID, p.clone(), renewalEnd(p, now), now); err != nil {
		return fmt.Errorf("authz: save a renewal: %w", err)
	}
	return nil
}

// Load returns the principal that was saved last.
func (r *memoryRenewals) Load(ctx context.Context, connectionID string) (Principal, error) {
	done, err := observing.BeginCall(ctx, "authz.LoadRenewal")
	if err != nil {
		return Principal{}, err
	}
	defer done()
	if err := ended(ctx); err != nil {
		return Principal{}, err
	}
	p, ok := r.renewals.get(connectionID)
	if !ok {
		return Principal{}, ErrNoRenewal
	}
	return p.clone(), nil
}

// clone returns a copy that shares nothing with p.
func (p Principal) clone() Principal {
	p.Scopes, p.Roles, p.Attributes = slices.Clone(p.Scopes), slices.Clone(p.Roles), maps.Clone(p.Attributes)
	return p
}

// ended returns the error of a context that has ended, or nil.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("authz: %w", context.Cause(ctx))
}
