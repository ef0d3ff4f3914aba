package conn

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"
)

// refuse returns an error if a context has ended.
func refuse(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("conn: %w", context.Cause(ctx))
}

// ValidateName returns an [ErrInvalid] if a name is empty or not UTF-8. Stores call it for ids
// and groups; what is the kind of name, for the error.
func ValidateName(what, name string) error {
	if name == "" {
		return fmt.Errorf("%w: %s is empty", ErrInvalid, what)
	}
	return checkText(what, name)
}

func checkText(what, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s %.100q is not UTF-8", ErrInvalid, what, s)
	}
	return nil
}

// ValidateAttributes returns an [ErrInvalid] for a change of attributes that no [Store] accepts.
// Stores call it in SetAttributes. Names must be UTF-8, not empty, and must not begin with
// [AuthorizerPrefix]; values must be UTF-8; and no name may be in both set and remove.
func ValidateAttributes(set map[string]string, remove []string) error {
	if err := checkAttributes(set); err != nil {
		return err
	}
	for name := range set {
		if err := checkReserved(name); err != nil {
			return err
		}
	}
	for _, name := range remove {
		if err := ValidateName("attribute's name", name); err != nil {
			return err
		}
		if err := checkReserved(name); err != nil {
			return err
		}
		if _, ok := set[name]; ok {
			return fmt.Errorf("%w: attribute %.100q is both set and removed", ErrInvalid, name)
		}
	}
	return nil
}

// checkAttributes checks the attributes of a record, including the authorizer's values.
func checkAttributes(attributes map[string]string) error {
	for name, value := range attributes {
		if err := ValidateName("attribute's name", name); err != nil {
			return err
		}
		if err := checkText("attribute", value); err != nil {
			return err
		}
	}
	return nil
}

// ValidateExpiry returns an [ErrInvalid] for the zero time and for years above 9999. Stores call
// it in Extend.
func ValidateExpiry(until time.Time) error {
	if until.IsZero() {
		return fmt.Errorf("%w: the new expiry is zero", ErrInvalid)
	}
	return checkTime("new expiry", until)
}

func (c *Conn) check() error {
	if err := ValidateName("connection id", c.ID); err != nil {
		return err
	}
	if err := checkText("user", c.User); err != nil {
		return err
	}
	if err := checkText("endpoint", c.Endpoint); err != nil {
		return err
	}
	if err := checkAttributes(c.Attributes); err != nil {
		return err
	}
	for _, g := range c.Groups {
		if err := ValidateName("group", g); err != nil {
			return err
		}
	}
	if err := checkTime("time of connection", c.ConnectedAt); err != nil {
		return err
	}
	return checkTime("expiry", c.ExpiresAt)
}

// checkTime refuses years that are not of four digits, which would overflow in stores that count
// seconds.
func checkTime(what string, t time.Time) error {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return fmt.Errorf("%w: %s is in the year %d", ErrInvalid, what, year)
	}
	return nil
}

// Validate returns an [ErrInvalid] if a query's group, shard or limit is out of range, for a
// group of the given number of shards. Stores call it in Read. It does not check the cursor.
func (q Query) Validate(shards int) error {
	if err := ValidateName("group", q.Group); err != nil {
		return err
	}
	if q.Shard < 0 || q.Shard >= shards {
		return fmt.Errorf("%w: shard %d must be from 0 to below %d", ErrInvalid, q.Shard, shards)
	}
	if q.Limit < 0 {
		return fmt.Errorf("%w: limit %d must not be negative", ErrInvalid, q.Limit)
	}
	return nil
}
