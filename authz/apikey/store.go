package apikey

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// The errors of a [Store].
var (
	// ErrNotFound means that there is no key with that id.
	ErrNotFound = errors.New("apikey: no such key")
	// ErrExists means that there is a key with that id already.
	ErrExists = errors.New("apikey: a key with this id exists")
	// ErrChanged means that another call has changed the key since it was read.
	ErrChanged = errors.New("apikey: the key was changed by another call")
)

// Key is an API key without its secret, of which it has a hash.
type Key struct {
	// ID is the part of the key's text that identifies it.
	ID string
	// Prefix is what the key's text begins with. The key is refused with another prefix.
	Prefix string
	// Name is for people.
	Name string
	// Owner is the ID of the [authz.Principal].
	Owner string
	// Plan becomes the principal's attribute "plan" unless it is empty.
	Plan string
	// Scopes, Roles and Attributes are those of the principal. No attribute may be called "key" or
	// "plan".
	Scopes, Roles []string
	Attributes    map[string]string
	// UsageKey is an API key of API Gateway's usage plans; see [authz.Principal]. It is stored as
	// plain text, since API Gateway needs it with each connection: anyone who can read the store can
	// use it.
	UsageKey string
	// CreatedAt is when the key was created. The key is refused from ExpiresAt on; the zero time means
	// never.
	CreatedAt, ExpiresAt time.Time
	// Disabled keys are refused.
	Disabled bool `json:"Inactive"` // the name in stored items, as in the other tags
	// LastUsed is when the key was last used, to within the interval of [WithLastUsed].
	LastUsed time.Time

	// Hash is the hash of the secret. PreviousHash is the hash of the secret before, which is valid
	// until PreviousValidUntil.
	Hash               string
	PreviousHash       string    `json:"Old"`
	PreviousValidUntil time.Time `json:"OldUntil"`
	// Version counts the changes of the key, except those of LastUsed.
	Version int
}

func (k Key) clone() Key {
	k.Scopes, k.Roles, k.Attributes = slices.Clone(k.Scopes), slices.Clone(k.Roles), maps.Clone(k.Attributes)
	return k
}

// Store keeps keys. Package authz/apikey/apikeytest has its conformance suite. It is safe for
// concurrent use. What it returns belongs to the caller, and it keeps copies of what it is given.
// Reads see all earlier writes.
type Store interface {
	// Create adds a key, or fails with [ErrExists].
	Create(ctx context.Context, k Key) error
	// Get returns a key, or [ErrNotFound].
	Get(ctx context.Context, id string) (Key, error)
	// Update replaces the key whose Version is one less than k's, except for its LastUsed. It fails
	// with [ErrNotFound], or with [ErrChanged] if the version is another one.
	Update(ctx context.Context, k Key) error
	// TouchLastUsed sets LastUsed to at, unless the key has a LastUsed after since; then it does
	// nothing and returns nil. It fails with [ErrNotFound].
	TouchLastUsed(ctx context.Context, id string, at, since time.Time) error
	// Delete removes a key, or fails with [ErrNotFound].
	Delete(ctx context.Context, id string) error
	// List returns up to limit keys, and a cursor for the keys after them, which is empty at the end.
	// A page with a cursor may have fewer keys, or none. Keys that are created or deleted between two
	// calls may be missing; each other key is returned once.
	List(ctx context.Context, cursor string, limit int) (keys []Key, next string, err error)
}
