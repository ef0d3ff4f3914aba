package authztest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/testclock"
)

// renewalChecks returns the promises of an [authz.RenewalStore].
func renewalChecks() []check[authz.RenewalStore] {
	return []check[authz.RenewalStore]{
		{"a principal comes back whole, in another process too", renewalWhole},
		{"the principal that was saved last counts", renewalLast},
		{"a renewal lasts for two hours, if it does not expire before", renewalKept},
		{"a connection that was not renewed is not there", renewalUnknown},
		{"connections are apart", renewalsApart},
		{"a principal is loaded as often as asked for", renewalAgain},
		{"what the caller changes later is not changed in the store", renewalCopies},
		{"an ended context ends a call", renewalCancelled},
		{"all methods may be called at the same time", renewalRace},
	}
}

// load returns an error unless the store returns the principal.
func load(ctx context.Context, s authz.RenewalStore, id string, want authz.Principal) error {
	got, err := s.Load(ctx, id)
	if err != nil {
		return fmt.Errorf("load the renewal of %q: %w", id, err)
	}
	if !got.ExpiresAt.Equal(want.ExpiresAt) {
		return fmt.Errorf("the principal expires at %v, want %v", got.ExpiresAt, want.ExpiresAt)
	}
	got.ExpiresAt = want.ExpiresAt
	return same("the principal", got, want)
}

// notRenewed returns an error unless the connection has no renewal.
func notRenewed(ctx context.Context, s authz.RenewalStore, id string) error {
	got, err := s.Load(ctx, id)
	return errors.Join(isError("Load", err, authz.ErrNoRenewal), same("what came beside the error", got, authz.Principal{}))
}

func renewalWhole(ctx context.Context, a, b authz.RenewalStore, clock *testclock.Clock) error {
	err := errors.Join(a.Save(ctx, "c1=", principal(clock, "ann")), a.Save(ctx, "c2=", authz.Principal{ID: "bob"}))
	return errors.Join(err, load(ctx, b, "c1=", principal(clock, "ann")), load(ctx, b, "c2=", authz.Principal{ID: "bob"}))
}

func renewalLast(ctx context.Context, a, b authz.RenewalStore, clock *testclock.Clock) error {
	less := authz.Principal{ID: "ann", Roles: []string{"less"}}
	return errors.Join(
		a.Save(ctx, "c=", principal(clock, "ann")),
		load(ctx, a, "c=", principal(clock, "ann")), // what was read once is not what counts
		load(ctx, b, "c=", principal(clock, "ann")),
		b.Save(ctx, "c=", less),
		load(ctx, a, "c=", less),
		load(ctx, b, "c=", less),
	)
}

// renewalKept saves others meanwhile, since a store may make room then.
func renewalKept(ctx context.Context, a, b authz.RenewalStore, clock *testclock.Clock) error {
	forever, long := authz.Principal{ID: "ann"}, principal(clock, "ann")
	long.ExpiresAt = clock.Now().Truncate(time.Second).Add(24 * time.Hour)
	err := errors.Join(a.Save(ctx, "forever", forever), a.Save(ctx, "long", long))
	for i := range 24 {
		clock.Advance(5 * time.Minute)
		err = errors.Join(err, b.Save(ctx, fmt.Sprint("c", i), principal(clock, "ann")))
	}
	return errors.Join(err, load(ctx, b, "forever", forever), load(ctx, b, "long", long))
}

func renewalUnknown(ctx context.Context, a, b authz.RenewalStore, clock *testclock.Clock) error {
	err := a.Save(ctx, "c=", principal(clock, "ann"))
	return errors.Join(err, notRenewed(ctx, b, "d="), notRenewed(ctx, b, "c"), load(ctx, b, "c=", principal(clock, "ann")))
}

func renewalsApart(ctx context.Context, a, b authz.RenewalStore, clock *testclock.Clock) error {
	ids := []string{"W9In0cvXIAMCFvw=", "W9In0cvXIAMCFvw", "日本", "a#b", "A", "a"}
	for _, id := range ids {
		if err := a.Save(ctx, id, principal(clock, "user "+id)); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := load(ctx, b, id, principal(clock, "user "+id)); err != nil {
			return err
		}
	}
	return nil
}

func renewalAgain(ctx context.Context, a, b authz.RenewalStore, clock *testclock.Clock) error {
	err := a.Save(ctx, "c=", principal(clock, "ann"))
	for range 3 {
		err = errors.Join(err, load(ctx, a, "c=", principal(clock, "ann")), load(ctx, b, "c=", principal(clock, "ann")))
	}
	return err
}

func renewalCopies(ctx context.Context, a, _ authz.RenewalStore, clock *testclock.Clock) error {
	p := principal(clock, "ann")
	if err := a.Save(ctx, "c=", p); err != nil {
		return err
	}
	p.Roles[0], p.Attributes["tenant"] = "admin", "other"
	got, err := a.Load(ctx, "c=")
	if err != nil {
		return err
	}
	got.Scopes[0] = "everything"
	return load(ctx, a, "c=", principal(clock, "ann"))
}

func renewalCancelled(ctx context.Context, a, _ authz.RenewalStore, clock *testclock.Clock) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := a.Load(ended, "c=")
	return errors.Join(
		isError("Load", err, context.Canceled),
		isError("Save", a.Save(ended, "c=", principal(clock, "ann")), context.Canceled),
		notRenewed(ctx, a, "c="),
	)
}

func renewalRace(ctx context.Context, a, b authz.RenewalStore, clock *testclock.Clock) error {
	saved, err := atOnce(16, authz.ErrNoRenewal, func(i int) error {
		id := fmt.Sprint("c", i%4)
		s := []authz.RenewalStore{a, b}[i%2]
		if err := s.Save(ctx, id, principal(clock, "ann")); err != nil {
			return err
		}
		return load(ctx, s, id, principal(clock, "ann"))
	})
	if err == nil && saved != 16 {
		err = fmt.Errorf("of 16 connections that were saved %d were there", saved)
	}
	return err
}
