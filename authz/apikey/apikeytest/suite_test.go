package apikeytest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz/apikey"
)

// broken is a store that keeps all promises except those that a function of the test breaks.
type broken struct {
	apikey.Store

	create func(*broken, context.Context, apikey.Key) error
	get    func(*broken, context.Context, string) (apikey.Key, error)
	update func(*broken, context.Context, apikey.Key) error
	used   func(*broken, context.Context, string, time.Time, time.Time) error
	list   func(*broken, context.Context, string, int) ([]apikey.Key, string, error)
	del    func(*broken, context.Context, string) error
}

func (b *broken) Create(ctx context.Context, k apikey.Key) error {
	if b.create != nil {
		return b.create(b, ctx, k)
	}
	return b.Store.Create(ctx, k)
}

func (b *broken) Get(ctx context.Context, id string) (apikey.Key, error) {
	if b.get != nil {
		return b.get(b, ctx, id)
	}
	return b.Store.Get(ctx, id)
}

func (b *broken) Update(ctx context.Context, k apikey.Key) error {
	if b.update != nil {
		return b.update(b, ctx, k)
	}
	return b.Store.Update(ctx, k)
}

func (b *broken) TouchLastUsed(ctx context.Context, id string, at, since time.Time) error {
	if b.used != nil {
		return b.used(b, ctx, id, at, since)
	}
	return b.Store.TouchLastUsed(ctx, id, at, since)
}

func (b *broken) List(ctx context.Context, cursor string, limit int) ([]apikey.Key, string, error) {
	if b.list != nil {
		return b.list(b, ctx, cursor, limit)
	}
	return b.Store.List(ctx, cursor, limit)
}

func (b *broken) Delete(ctx context.Context, id string) error {
	if b.del != nil {
		return b.del(b, ctx, id)
	}
	return b.Store.Delete(ctx, id)
}

// Each broken store fails the check of what it breaks.
func TestBrokenStoresAreFound(t *testing.T) {
	t.Parallel()
	shared := map[string][]string{}
	for name, c := range map[string]struct {
		store *broken
		check string
	}{
		"overwrites": {&broken{create: func(b *broken, ctx context.Context, k apikey.Key) error {
			_ = b.Store.Delete(ctx, k.ID)
			return b.Store.Create(ctx, k)
		}}, "an id is created once"},
		"loses the owner's name": {&broken{create: func(b *broken, ctx context.Context, k apikey.Key) error {
			k.Name = ""
			return b.Store.Create(ctx, k)
		}}, "what is created is found unchanged"},
		"finds nothing without an error": {&broken{get: func(b *broken, ctx context.Context, id string) (apikey.Key, error) {
			k, _ := b.Store.Get(ctx, id)
			return k, nil
		}}, "what does not exist is not found"},
		"updates whatever the version": {&broken{update: func(b *broken, ctx context.Context, k apikey.Key) error {
			old, err := b.Store.Get(ctx, k.ID)
			if err != nil {
				return err
			}
			k.LastUsed = old.LastUsed
			_ = b.Store.Delete(ctx, k.ID)
			return b.Store.Create(ctx, k)
		}}, "an update needs the version before"},
		"forgets the last use": {&broken{update: func(b *broken, ctx context.Context, k apikey.Key) error {
			if err := b.Store.Update(ctx, k); err != nil {
				return err
			}
			_ = b.Store.Delete(ctx, k.ID)
			return b.Store.Create(ctx, k)
		}}, "an update leaves the last use"},
		"notes every use": {&broken{used: func(b *broken, ctx context.Context, id string, at, _ time.Time) error {
			return b.Store.TouchLastUsed(ctx, id, at, at.Add(1000*time.Hour))
		}}, "a use is noted once in an interval"},
		"notes no use": {&broken{used: func(b *broken, ctx context.Context, id string, _, _ time.Time) error {
			_, err := b.Store.Get(ctx, id)
			return err
		}}, "a use is noted once in an interval"},
		"deletes nothing": {&broken{del: func(b *broken, ctx context.Context, id string) error {
			_, err := b.Store.Get(ctx, id)
			return err
		}}, "what is deleted is gone"},
		"lists one page": {&broken{list: func(b *broken, ctx context.Context, cursor string, limit int) ([]apikey.Key, string, error) {
			keys, _, err := b.Store.List(ctx, cursor, limit)
			return keys, "", err
		}}, "a list has every key once"},
		"lists more than asked for": {&broken{list: func(b *broken, ctx context.Context, cursor string, _ int) ([]apikey.Key, string, error) {
			return b.Store.List(ctx, cursor, 1000)
		}}, "a list has every key once"},
		"shares its values": {&broken{
			create: func(b *broken, ctx context.Context, k apikey.Key) error {
				shared[k.ID] = k.Scopes
				return b.Store.Create(ctx, k)
			},
			get: func(b *broken, ctx context.Context, id string) (apikey.Key, error) {
				k, err := b.Store.Get(ctx, id)
				k.Scopes = shared[id]
				return k, err
			},
		}, "values belong to the caller"},
	} {
		c.store.Store = apikey.NewMemory()
		found := false
		for _, promise := range checks() {
			if promise.name == c.check {
				found = true
				require.Error(t, promise.run(t.Context(), c.store), name)
			}
		}
		require.True(t, found, c.check)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) apikey.Store { return apikey.NewMemory() })
}
