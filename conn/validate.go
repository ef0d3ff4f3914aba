package conn

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// refuse returns the error of a context that has ended, nil while it has not.
func refuse(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("conn: %w", context.Cause(ctx))
}

// ValidateName fails with [ErrInvalid] and says what it is if a name is empty or not UTF-8: no [Store] takes it. It is for
// those that write a Store.
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

// ValidateAttributes fails with [ErrInvalid] and names what no [Store] takes of a change of attributes: names that are empty
// or not UTF-8 or begin with [AuthorizerPrefix], values that are not UTF-8, and a name that is to be both set and removed.
// It is for those that write a Store.
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
			return fmt.Errorf("%w: attribute %.100q is to be both set and removed", ErrInvalid, name)
		}
	}
	return nil
}

// checkAttributes checks the attributes of a record, those of the authorizer among them.
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

// ValidateExpiry fails with [ErrInvalid] on a time to which no [Store] extends a record: the zero time, and years above 9999. It
// is for those that write a Store.
func ValidateExpiry(until time.Time) error {
	if until.IsZero() {
		return fmt.Errorf("%w: the time to extend to is zero", ErrInvalid)
	}
	return checkTime("time to extend to", until)
}

// Canonical returns a record as a [Store] keeps it, for those that write one: with the times filled in and cut, and with
// the groups sorted, each once, that of the user among them. It shares no memory with c. It fails with [ErrInvalid]
// and names the part that no Store takes.
func (c Conn) Normalize(now time.Time) (Conn, error) {
	if err := c.check(); err != nil {
		return Conn{}, err
	}
	if c.ConnectedAt.IsZero() {
		c.ConnectedAt = now
	}
	if c.ExpiresAt.IsZero() {
		c.ExpiresAt = c.ConnectedAt.Add(DefaultTTL)
	}
	own := Conn{
		ID:          strings.Clone(c.ID),
		User:        strings.Clone(c.User),
		Endpoint:    strings.Clone(c.Endpoint),
		ConnectedAt: c.ConnectedAt.UTC().Truncate(time.Millisecond),
		ExpiresAt:   c.ExpiresAt.UTC().Truncate(time.Second),
	}
	for k, v := range c.Attributes {
		if own.Attributes == nil {
			own.Attributes = make(map[string]string, len(c.Attributes))
		}
		own.Attributes[strings.Clone(k)] = strings.Clone(v)
	}
	own.Groups = c.canonicalGroups()
	return own, nil
}

func (c *Conn) canonicalGroups() []string {
	groups := make([]string, 0, len(c.Groups)+1)
	for _, g := range c.Groups {
		groups = append(groups, strings.Clone(g))
	}
	if c.User != "" {
		groups = append(groups, UserGroup(c.User))
	}
	if len(groups) == 0 {
		return nil
	}
	slices.Sort(groups)
	return slices.Compact(groups)
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

// checkTime refuses what has no four digits for the year, and would overflow where stores count seconds.
func checkTime(what string, t time.Time) error {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return fmt.Errorf("%w: %s is in the year %d", ErrInvalid, what, year)
	}
	return nil
}

// Check fails with [ErrInvalid] if no [Store] takes the query of a group that is read in so many shards. It is for those
// who write a Store, and does not look at the cursor.
func (q Query) Validate(shards int) error {
	if err := ValidateName("group", q.Group); err != nil {
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
