// Package apikeytest is the conformance suite of [apikey.Store]: it tests what every implementation
// promises.
//
//	func TestConformance(t *testing.T) {
//		apikeytest.Run(t, func(*testing.T) apikey.Store { return apikey.NewMemory() })
//	}
package apikeytest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/internal/testclock"
)

// Run runs the suite, each check as a parallel subtest with a store of its own. open returns an
// empty store. The times of keys are ahead of the real time, so that a service that deletes what
// has expired leaves the keys.
func Run(t *testing.T, open func(t *testing.T) apikey.Store) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := c.run(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise of a Store. It gets an empty store. An error describes how the store breaks
// the promise.
type check struct {
	name string
	run  func(ctx context.Context, s apikey.Store) error
}

func checks() []check {
	return []check{
		{"what is created is found unchanged", createAndGet},
		{"an id is created once", createTwice},
		{"what does not exist is not found", notFound},
		{"an update needs the version before", update},
		{"of updates at the same time one is made", updatesAtOnce},
		{"an update leaves the last use", updateLeavesUse},
		{"a use is noted once in an interval", used},
		{"what is deleted is gone", deletes},
		{"a list has every key once", list},
		{"values belong to the caller", values},
	}
}

func sample(id string) apikey.Key {
	return apikey.Key{
		ID: id, Prefix: "gs", Name: "sensor ü", Owner: "plant-1", Plan: "free", Scopes: []string{"a", "b"}, Roles: []string{"r"},
		Attributes: map[string]string{"x": "y"}, UsageKey: "u", CreatedAt: at(0), ExpiresAt: at(1000), Disabled: true,
		Hash: "h", PreviousHash: "o", PreviousValidUntil: at(5), Version: 1,
	}
}

// at returns a time of the checks. It is ahead of the real time, so that a service that deletes
// what has expired by the real time leaves their keys.
func at(seconds int) time.Time {
	return testclock.Noon().Add(123 * time.Millisecond).Add(time.Duration(seconds) * time.Second)
}

// errOther is joined to an error that is not the promised one, which may be nil.
var errOther = errors.New("another error, or none")

func same(got, want apikey.Key) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("the key is %+v, want %+v", got, want)
	}
	return nil
}

func wants(err, target error, what string) error {
	if !errors.Is(err, target) {
		return fmt.Errorf("%s: not the error %q: %w", what, target.Error(), errors.Join(errOther, err))
	}
	return nil
}

func createAndGet(ctx context.Context, s apikey.Store) error {
	for _, k := range []apikey.Key{sample("full"), {ID: "empty", Owner: "o", CreatedAt: at(0), Version: 1}} {
		if err := s.Create(ctx, k); err != nil {
			return err
		}
		got, err := s.Get(ctx, k.ID)
		if err := errors.Join(err, same(got, k)); err != nil {
			return err
		}
	}
	return nil
}

func createTwice(ctx context.Context, s apikey.Store) error {
	k := sample("a")
	if err := s.Create(ctx, k); err != nil {
		return err
	}
	k.Name = "another"
	if err := wants(s.Create(ctx, k), apikey.ErrExists, "create again"); err != nil {
		return err
	}
	got, err := s.Get(ctx, "a")
	return errors.Join(err, same(got, sample("a")))
}

func notFound(ctx context.Context, s apikey.Store) error {
	_, err := s.Get(ctx, "none")
	return errors.Join(
		wants(err, apikey.ErrNotFound, "get"),
		wants(s.Update(ctx, sample("none")), apikey.ErrNotFound, "update"),
		wants(s.TouchLastUsed(ctx, "none", at(1), at(0)), apikey.ErrNotFound, "used"),
		wants(s.Delete(ctx, "none"), apikey.ErrNotFound, "delete"),
	)
}

func update(ctx context.Context, s apikey.Store) error {
	k := sample("a")
	if err := s.Create(ctx, k); err != nil {
		return err
	}
	k.Name, k.Scopes, k.Disabled, k.Version = "changed", nil, false, 2
	if err := s.Update(ctx, k); err != nil {
		return err
	}
	stale := k
	stale.Name = "too late"
	if err := wants(s.Update(ctx, stale), apikey.ErrChanged, "update with an old version"); err != nil {
		return err
	}
	stale.Version = 4
	if err := wants(s.Update(ctx, stale), apikey.ErrChanged, "update with a version to come"); err != nil {
		return err
	}
	got, err := s.Get(ctx, "a")
	return errors.Join(err, same(got, k))
}

func updatesAtOnce(ctx context.Context, s apikey.Store) error {
	k := sample("a")
	if err := s.Create(ctx, k); err != nil {
		return err
	}
	k.Version = 2
	var mu sync.Mutex
	var wg sync.WaitGroup
	made := 0
	var faults []error
	for range 8 {
		wg.Go(func() {
			err := s.Update(ctx, k)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else {
				faults = append(faults, wants(err, apikey.ErrChanged, "update"))
			}
		})
	}
	wg.Wait()
	if made != 1 {
		faults = append(faults, fmt.Errorf("%d of 8 updates from one version were made", made))
	}
	return errors.Join(faults...)
}

func updateLeavesUse(ctx context.Context, s apikey.Store) error {
	k := sample("a")
	if err := errors.Join(s.Create(ctx, k), s.TouchLastUsed(ctx, "a", at(10), at(0))); err != nil {
		return err
	}
	k.Version, k.LastUsed = 2, at(3)
	if err := s.Update(ctx, k); err != nil {
		return err
	}
	k.LastUsed = at(10)
	got, err := s.Get(ctx, "a")
	return errors.Join(err, same(got, k))
}

func used(ctx context.Context, s apikey.Store) error {
	k := sample("a")
	if err := s.Create(ctx, k); err != nil {
		return err
	}
	for _, c := range []struct{ at, since, want int }{
		{100, 0, 100}, {150, 50, 100}, {200, 99, 100}, {201, 100, 201}, {300, 250, 300},
	} {
		if err := s.TouchLastUsed(ctx, "a", at(c.at), at(c.since)); err != nil {
			return err
		}
		k.LastUsed = at(c.want)
		got, err := s.Get(ctx, "a")
		if err := errors.Join(err, same(got, k)); err != nil {
			return fmt.Errorf("used at %d unless since %d: %w", c.at, c.since, err)
		}
	}
	return nil
}

func deletes(ctx context.Context, s apikey.Store) error {
	if err := errors.Join(s.Create(ctx, sample("a")), s.Delete(ctx, "a")); err != nil {
		return err
	}
	_, err := s.Get(ctx, "a")
	keys, _, listed := s.List(ctx, "", 10)
	if len(keys) > 0 {
		listed = errors.Join(listed, errors.New("it is still listed"))
	}
	return errors.Join(
		wants(err, apikey.ErrNotFound, "get"), wants(s.Delete(ctx, "a"), apikey.ErrNotFound, "delete again"),
		listed, s.Create(ctx, sample("a")),
	)
}

func list(ctx context.Context, s apikey.Store) error {
	var want []string
	for i := range 45 {
		id := fmt.Sprintf("%c%02d", "0AZaz"[i%5], i)
		want = append(want, id)
		if err := s.Create(ctx, sample(id)); err != nil {
			return err
		}
	}
	slices.Sort(want)
	for _, limit := range []int{1, 7, 45, 100, 0} {
		var got []string
		cursor := ""
		for range 200 {
			keys, next, err := s.List(ctx, cursor, limit)
			if err != nil {
				return err
			}
			if limit > 0 && len(keys) > limit {
				return fmt.Errorf("a page of %d keys, where %d are asked for", len(keys), limit)
			}
			for _, k := range keys {
				if err := same(k, sample(k.ID)); err != nil {
					return err
				}
				got = append(got, k.ID)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Errorf("pages of %d: %v, want %v", limit, got, want)
		}
	}
	return nil
}

func values(ctx context.Context, s apikey.Store) error {
	k := sample("a")
	if err := s.Create(ctx, k); err != nil {
		return err
	}
	k.Scopes[0], k.Attributes["x"] = "changed", "changed"
	for range 2 {
		got, err := s.Get(ctx, "a")
		if err := errors.Join(err, same(got, sample("a"))); err != nil {
			return err
		}
		got.Roles[0], got.Attributes["x"] = "changed", "changed"
	}
	return nil
}
