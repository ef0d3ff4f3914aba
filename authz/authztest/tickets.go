package authztest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/testclock"
)

// ticketChecks returns the promises of an [authz.TicketStore].
func ticketChecks() []check[authz.TicketStore] {
	return []check[authz.TicketStore]{
		{"a ticket comes back whole, in another process too", ticketWhole},
		{"a ticket is used once", ticketOnce},
		{"a ticket lasts until it expires", ticketKept},
		{"of many at once one gets the ticket", ticketRace},
		{"a ticket that never was is not there", ticketUnknown},
		{"tickets are apart", ticketsApart},
		{"a hash is given once", ticketHashes},
		{"of many tickets of one hash at once one is kept", ticketHashRace},
		{"what the caller changes later is not changed in the store", ticketCopies},
		{"an ended context ends a call", ticketCancelled},
	}
}

// hash returns a hash of the form that authz.Tickets makes.
func hash(i int) string { return fmt.Sprintf("%064x", i) }

func ticket(clock *testclock.Clock, id string) authz.Ticket {
	return authz.Ticket{
		Principal: principal(clock, id), Origin: "https://app.example.com", ExpiresAt: clock.Now().Add(30*time.Second + 123456789),
	}
}

// consume returns an error unless the store returns the ticket.
func consume(ctx context.Context, s authz.TicketStore, i int, want authz.Ticket) error {
	got, err := s.Consume(ctx, hash(i))
	if err != nil {
		return fmt.Errorf("consume a ticket: %w", err)
	}
	if !got.ExpiresAt.Equal(want.ExpiresAt) {
		return fmt.Errorf("the ticket expires at %v, want %v", got.ExpiresAt, want.ExpiresAt)
	}
	got.ExpiresAt = want.ExpiresAt
	return same("the ticket", got, want)
}

// used returns an error unless the ticket is gone.
func used(ctx context.Context, s authz.TicketStore, i int) error {
	got, err := s.Consume(ctx, hash(i))
	return errors.Join(isError("Consume of no ticket", err, authz.ErrNoTicket), same("what came beside the error", got, authz.Ticket{}))
}

func ticketWhole(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	bare := authz.Ticket{Principal: authz.Principal{ID: "bob"}, ExpiresAt: clock.Now().Add(time.Second)}
	if err := errors.Join(a.Create(ctx, hash(1), ticket(clock, "ann")), a.Create(ctx, hash(2), bare)); err != nil {
		return err
	}
	return errors.Join(consume(ctx, b, 1, ticket(clock, "ann")), consume(ctx, b, 2, bare))
}

func ticketOnce(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	if err := a.Create(ctx, hash(1), ticket(clock, "ann")); err != nil {
		return err
	}
	return errors.Join(consume(ctx, a, 1, ticket(clock, "ann")), used(ctx, a, 1), used(ctx, b, 1))
}

// ticketKept creates others meanwhile, since a store may make room then.
func ticketKept(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	kept := ticket(clock, "ann")
	kept.ExpiresAt = clock.Now().Add(time.Minute + 1)
	err := a.Create(ctx, hash(0), kept)
	for i := range 60 {
		clock.Advance(time.Second)
		err = errors.Join(err, b.Create(ctx, hash(1+i), ticket(clock, "ann")))
	}
	return errors.Join(err, consume(ctx, b, 0, kept))
}

func ticketRace(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	for i := range 5 {
		if err := a.Create(ctx, hash(i), ticket(clock, "ann")); err != nil {
			return err
		}
		in, err := atOnce(16, authz.ErrNoTicket, func(n int) error {
			_, err := []authz.TicketStore{a, b}[n%2].Consume(ctx, hash(i))
			return err
		})
		if err != nil || in != 1 {
			return fmt.Errorf("of 16 at once %d got the ticket: %w", in, err)
		}
	}
	return nil
}

func ticketUnknown(ctx context.Context, a, _ authz.TicketStore, clock *testclock.Clock) error {
	err := a.Create(ctx, hash(1), ticket(clock, "ann"))
	return errors.Join(err, used(ctx, a, 2), consume(ctx, a, 1, ticket(clock, "ann")))
}

func ticketsApart(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	names := []string{"ann", "bob", "ann", "日本#", strings.Repeat("n", 500)}
	for i, name := range names {
		if err := a.Create(ctx, hash(i), ticket(clock, name)); err != nil {
			return err
		}
	}
	for i, name := range names {
		if err := consume(ctx, b, i, ticket(clock, name)); err != nil {
			return err
		}
	}
	return nil
}

func ticketHashes(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	if err := a.Create(ctx, hash(1), ticket(clock, "ann")); err != nil {
		return err
	}
	if err := b.Create(ctx, hash(1), ticket(clock, "eve")); err == nil {
		return errors.New("a second ticket took the place of one with the same hash")
	}
	return consume(ctx, a, 1, ticket(clock, "ann"))
}

func ticketHashRace(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	for i := range 5 {
		kept, err := atOnce(16, errTaken, func(n int) error {
			if err := []authz.TicketStore{a, b}[n%2].Create(ctx, hash(i), ticket(clock, "ann")); err != nil {
				return fmt.Errorf("%w: %w", errTaken, err)
			}
			return nil
		})
		if err != nil || kept != 1 {
			return fmt.Errorf("of 16 tickets of one hash at once %d were created: %w", kept, cmp.Or(err, errNone))
		}
		if err := consume(ctx, a, i, ticket(clock, "ann")); err != nil {
			return err
		}
	}
	return nil
}

// errTaken marks the error of a ticket whose hash is taken, which is of the store's own.
var errTaken = errors.New("the hash is taken")

func ticketCopies(ctx context.Context, a, _ authz.TicketStore, clock *testclock.Clock) error {
	t := ticket(clock, "ann")
	if err := a.Create(ctx, hash(1), t); err != nil {
		return err
	}
	t.Principal.Roles[0], t.Principal.Attributes["tenant"] = "admin", "other"
	return consume(ctx, a, 1, ticket(clock, "ann"))
}

func ticketCancelled(ctx context.Context, a, b authz.TicketStore, clock *testclock.Clock) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := isError("Create", a.Create(ended, hash(1), ticket(clock, "ann")), context.Canceled); err != nil {
		return err
	}
	if err := a.Create(ctx, hash(2), ticket(clock, "ann")); err != nil {
		return err
	}
	_, err := a.Consume(ended, hash(2))
	return errors.Join(isError("Consume", err, context.Canceled), used(ctx, b, 1), consume(ctx, b, 2, ticket(clock, "ann")))
}
