package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/authz/apikey"
)

// keysCommand is what all commands on keys share.
type keysCommand struct {
	table
	JSON bool `help:"Print JSON instead of a table."`

	Create  createKey  `cmd:"" help:"Create a key and print its secret, once."`
	List    listKeys   `cmd:"" help:"List the keys."`
	Show    showKey    `cmd:"" help:"Show a key."`
	Rotate  rotateKey  `cmd:"" help:"Replace a key's secret and print the new one, once. If the old one has leaked, add --leaked."`
	Disable disableKey `cmd:"" help:"Disable a key. Takes effect within 30 seconds."`
	Enable  enableKey  `cmd:"" help:"Enable a key again."`
	Expire  expireKey  `cmd:"" help:"Set when a key expires."`
	Delete  deleteKey  `cmd:"" help:"Delete a key."`

	// The names of Disable and Enable in scripts of earlier versions.
	Deactivate disableKey `cmd:"" hidden:"" help:"Disable a key. Takes effect within 30 seconds."`
	Activate   enableKey  `cmd:"" hidden:"" help:"Enable a key again."`
}

// keyring holds what a command on keys works with.
type keyring struct {
	keys *apikey.Manager
	out  printer
}

// AfterApply opens the table once the command line is parsed.
func (c *keysCommand) AfterApply(ctx context.Context, command *kong.Context, stdout io.Writer) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	options := []apikey.Option{}
	if prefix := c.Create.Prefix; prefix != "" {
		if err := apikey.ValidatePrefix(prefix); err != nil {
			return misuse{fmt.Errorf("--prefix: %w", err)}
		}
		options = append(options, apikey.WithPrefix(prefix))
	}
	command.Bind(
		&keyring{keys: apikey.New(db.APIKeys(), options...), out: printer{w: stdout, json: c.JSON, now: time.Now()}},
	)
	return nil
}

type createKey struct {
	Owner     string            `required:"" help:"The id of the principal that the key belongs to."`
	Name      string            `help:"A display name."`
	Plan      string            `help:"The plan of the key."`
	Scope     []string          `sep:"none" help:"A scope of the key; may be repeated."`
	Role      []string          `sep:"none" help:"A role of the principal; may be repeated."`
	Attribute map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"An attribute of the principal; may be repeated."`
	UsageKey  string            `env:"GATESOCK_USAGE_KEY" placeholder:"VALUE" help:"The API Gateway key that usage plans count this key as. It is a secret and is stored in plain text; prefer the environment variable."`
	Expires   expiry            `default:"never" placeholder:"WHEN" help:"When the key expires: 90d, 12h, 2027-01-31, a time like 2027-01-31T12:00:00Z, or never."`
	Prefix    string            `help:"The first part of the key. Default: ${prefix}."`
}

func (c *createKey) Run(ctx context.Context, r *keyring) error {
	key, secret, err := r.keys.Create(ctx, apikey.Key{
		Owner: c.Owner, Name: c.Name, Plan: c.Plan,
		Scopes: c.Scope, Roles: c.Role, Attributes: c.Attribute,
		UsageKey:  c.UsageKey,
		ExpiresAt: c.Expires.from(r.out.now),
	})
	if err != nil {
		return plain(err)
	}
	return r.out.made(key, secret)
}

type listKeys struct {
	Owner string `help:"List only the keys of this owner."`
}

func (c *listKeys) Run(ctx context.Context, r *keyring) error {
	var all []apikey.Key
	for cursor := ""; ; {
		page, next, err := r.keys.List(ctx, cursor, 0)
		if err != nil {
			return plain(err)
		}
		all = append(all, page...)
		if cursor = next; cursor == "" {
			break
		}
	}
	if c.Owner != "" {
		all = slices.DeleteFunc(all, func(k apikey.Key) bool { return k.Owner != c.Owner })
	}
	slices.SortFunc(
		all,
		func(a, b apikey.Key) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) },
	)
	return r.out.list(all)
}

// one is the argument of the commands on one key.
type one struct {
	ID string `arg:"" help:"The key's id, the part between its prefix and its secret."`
}

type showKey struct{ one }

func (c *showKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Get(ctx, c.ID))
}

type rotateKey struct {
	one
	Leaked  bool  `xor:"ending" help:"Revoke all earlier secrets at once, because one has leaked. The same as --overlap 0."`
	Overlap *span `xor:"ending" placeholder:"24h" help:"How long the old secret stays valid, such as 90d or 12h; 0 revokes it at once. Default: 24h."`
}

func (c *rotateKey) Run(ctx context.Context, r *keyring) error {
	overlap := 24 * time.Hour
	switch {
	case c.Leaked:
		overlap = 0
	case c.Overlap != nil:
		overlap = time.Duration(*c.Overlap)
	}
	key, secret, err := r.keys.Rotate(ctx, c.ID, overlap)
	if err != nil {
		return plain(err)
	}
	return r.out.rotated(key, secret)
}

type disableKey struct{ one }

func (c *disableKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Disable(ctx, c.ID))
}

type enableKey struct{ one }

func (c *enableKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Enable(ctx, c.ID))
}

type expireKey struct {
	one
	When expiry `arg:"" help:"When the key expires: 90d, 12h, 2027-01-31, a time like 2027-01-31T12:00:00Z, 0 for now, or never."`
}

func (c *expireKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Expire(ctx, c.ID, c.When.from(r.out.now)))
}

type deleteKey struct {
	one
	Force bool `help:"Delete the key even if it is active."`
}

// Run refuses to delete an active key without --force: a deleted key cannot be restored.
func (c *deleteKey) Run(ctx context.Context, r *keyring) error {
	key, err := r.keys.Get(ctx, c.ID)
	if err != nil {
		return plain(err)
	}
	if stateOf(key, r.out.now) == active && !c.Force {
		return fmt.Errorf(
			"key %s of %s is active: disable it first, or use --force",
			clean(key.ID),
			clean(key.Owner),
		)
	}
	if err := r.keys.Delete(ctx, c.ID); err != nil {
		return plain(err)
	}
	return r.out.gone("key", key.ID)
}

// changed prints a key after a change.
func (r *keyring) changed(key apikey.Key, err error) error {
	if err != nil {
		return plain(err)
	}
	return r.out.one(key)
}

// plain adds to an error what the user of a command can do about it.
func plain(err error) error {
	if errors.Is(err, apikey.ErrNotFound) {
		return fmt.Errorf("%w; run gatesock keys list to see all keys", err)
	}
	return err
}
