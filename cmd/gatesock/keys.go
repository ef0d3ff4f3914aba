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
	"github.com/gatesock/gatesock/authz/dynamokeys"
)

// keysCommand has what all commands on keys have in common.
type keysCommand struct {
	table
	JSON bool `help:"Print JSON instead of a table."`

	Create     createKey     `cmd:"" help:"Make a key and print its secret, once."`
	List       listKeys      `cmd:"" help:"List the keys."`
	Show       showKey       `cmd:"" help:"Show a key."`
	Rotate     rotateKey     `cmd:"" help:"Give a key another secret and print it, once. If the one before has leaked: --leaked."`
	Deactivate deactivateKey `cmd:"" help:"Have a key refused; who knows it notices within half a minute."`
	Activate   activateKey   `cmd:"" help:"Undo deactivate."`
	Expire     expireKey     `cmd:"" help:"Set when a key ends."`
	Delete     deleteKey     `cmd:"" help:"Remove a key."`
}

// keyring is what a command on keys works with.
type keyring struct {
	keys *apikey.Manager
	out  printer
}

// AfterApply opens the table, when the command line has been read.
func (c *keysCommand) AfterApply(ctx context.Context, command *kong.Context, stdout io.Writer) error {
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	store, err := dynamokeys.New(client, c.Table, dynamokeys.WithNamespace(c.Namespace))
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
	command.Bind(&keyring{keys: apikey.New(store, options...), out: printer{w: stdout, json: c.JSON, now: time.Now()}})
	return nil
}

type createKey struct {
	Owner     string            `required:"" help:"Who has the key: the id of the principal."`
	Name      string            `help:"A name, for people."`
	Plan      string            `help:"The plan of the key."`
	Scope     []string          `sep:"none" help:"What the key may be used for; may be repeated."`
	Role      []string          `sep:"none" help:"A role of the principal; may be repeated."`
	Attribute map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"An attribute of the principal; may be repeated."`
	UsageKey  string            `env:"GATESOCK_USAGE_KEY" placeholder:"VALUE" help:"The gateway's API key that stands for it in usage plans. It is a secret, which the table has as it is: better in the environment."`
	Expires   expiry            `default:"never" placeholder:"WHEN" help:"When the key ends: 90d, 12h, 2027-01-31, a time like 2027-01-31T12:00:00Z, or never."`
	Prefix    string            `help:"What the key begins with. Default: ${prefix}."`
}

func (c *createKey) Run(ctx context.Context, r *keyring) error {
	key, secret, err := r.keys.Create(ctx, apikey.Key{
		Owner: c.Owner, Name: c.Name, Plan: c.Plan, Scopes: c.Scope, Roles: c.Role, Attributes: c.Attribute, UsageKey: c.UsageKey,
		ExpiresAt: c.Expires.from(r.out.now),
	})
	if err != nil {
		return plain(err)
	}
	return r.out.made(key, secret)
}

type listKeys struct {
	Owner string `help:"Only the keys of this owner."`
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
	slices.SortFunc(all, func(a, b apikey.Key) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return r.out.list(all)
}

// one is the argument of the commands on one key.
type one struct {
	ID string `arg:"" help:"The key's id: what is between its prefix and its secret."`
}

type showKey struct{ one }

func (c *showKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Get(ctx, c.ID))
}

type rotateKey struct {
	one
	Leaked  bool  `xor:"ending" help:"The secret has leaked: all secrets before end at once. The same as --overlap 0."`
	Overlap *span `xor:"ending" placeholder:"24h" help:"How long the secret before is good too, as in 90d or 12h; 0 ends it at once. Default: 24h."`
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

type deactivateKey struct{ one }

func (c *deactivateKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Deactivate(ctx, c.ID))
}

type activateKey struct{ one }

func (c *activateKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Activate(ctx, c.ID))
}

type expireKey struct {
	one
	When expiry `arg:"" help:"When: 90d, 12h, 2027-01-31, a time like 2027-01-31T12:00:00Z, 0 for now, or never."`
}

func (c *expireKey) Run(ctx context.Context, r *keyring) error {
	return r.changed(r.keys.Expire(ctx, c.ID, c.When.from(r.out.now)))
}

type deleteKey struct {
	one
	Force bool `help:"Delete it though it is in use."`
}

// Run keeps a key that is good, unless it is forced: nothing brings it back.
func (c *deleteKey) Run(ctx context.Context, r *keyring) error {
	key, err := r.keys.Get(ctx, c.ID)
	if err != nil {
		return plain(err)
	}
	if stateOf(key, r.out.now) == active && !c.Force {
		return fmt.Errorf("the key %s of %s is active: deactivate it first, or use --force", clean(key.ID), clean(key.Owner))
	}
	if err := r.keys.Delete(ctx, c.ID); err != nil {
		return plain(err)
	}
	return r.out.gone("key", key.ID)
}

// changed prints a key as it is now.
func (r *keyring) changed(key apikey.Key, err error) error {
	if err != nil {
		return plain(err)
	}
	return r.out.one(key)
}

// plain makes of an error what somebody needs who typed a command.
func plain(err error) error {
	if errors.Is(err, apikey.ErrNotFound) {
		return fmt.Errorf("%w; gatesock keys list shows those that there are", err)
	}
	return err
}
