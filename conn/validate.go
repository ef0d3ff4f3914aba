package conn

import (
	"context"
	"fmt"
	"unicode/utf8"
)

// refuse gives the error of a context that has ended, nil while it has not.
func refuse(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("conn: %w", context.Cause(ctx))
}

func checkName(what, s string) error {
	if s == "" {
		return fmt.Errorf("%w: %s is empty", ErrInvalid, what)
	}
	return checkText(what, s)
}

func checkText(what, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s %q is not UTF-8", ErrInvalid, what, s)
	}
	return nil
}

func (c *Conn) validate() error {
	if err := checkName("connection id", c.ID); err != nil {
		return err
	}
	if err := checkText("user", c.User); err != nil {
		return err
	}
	if err := checkText("endpoint", c.Endpoint); err != nil {
		return err
	}
	for k, v := range c.Attributes {
		if err := checkName("attribute's name", k); err != nil {
			return err
		}
		if err := checkText("attribute", v); err != nil {
			return err
		}
	}
	for _, g := range c.Groups {
		if err := checkName("group", g); err != nil {
			return err
		}
	}
	return nil
}

func (q *Query) validate(shards int) error {
	if err := checkName("group", q.Group); err != nil {
		return err
	}
	if q.Shard < 0 || q.Shard >= shards {
		return fmt.Errorf("%w: shard %d of %d", ErrInvalid, q.Shard, shards)
	}
	if q.Limit < 0 {
		return fmt.Errorf("%w: limit %d", ErrInvalid, q.Limit)
	}
	return nil
}
