package topic

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// minKeep is the shortest Entry.Keep, which is the resolution of expiry.
const minKeep = time.Second

// ValidateName returns an [ErrInvalid] if a name is empty or not UTF-8. Logs call it for topics;
// what is the kind of name, for the error.
func ValidateName(what, name string) error {
	if name == "" {
		return fmt.Errorf("%w: %s is empty", ErrInvalid, what)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: %s %.100q is not UTF-8", ErrInvalid, what, name)
	}
	return nil
}

// Validate returns an [ErrInvalid] for an entry that no [Log] accepts: one without events, with an
// event that has no name or no data, with a name or key that is not UTF-8, or that is kept for less
// than a second. Logs call it in Append and Roll. It does not check that data is JSON.
func (e *Entry) Validate() error {
	if len(e.Events) == 0 {
		return fmt.Errorf("%w: the entry has no events", ErrInvalid)
	}
	for i, event := range e.Events {
		if err := ValidateName(fmt.Sprintf("the name of event %d", i), event.Name); err != nil {
			return err
		}
		if len(event.Data) == 0 {
			return fmt.Errorf("%w: event %.100q has no data", ErrInvalid, event.Name)
		}
	}
	if !utf8.ValidString(e.Key) {
		return fmt.Errorf("%w: the key %.100q is not UTF-8", ErrInvalid, e.Key)
	}
	if e.Keep < minKeep {
		return fmt.Errorf("%w: Keep is %v, must be at least %v", ErrInvalid, e.Keep, minKeep)
	}
	return nil
}

// Validate returns an [ErrInvalid] for a query that no [Log] accepts: without a topic, with both
// Since and Before, with a position that is not one, or with a negative number. Logs call it in
// Read.
func (q *Query) Validate() error {
	if err := ValidateName("the topic", q.Topic); err != nil {
		return err
	}
	if q.Since != nil && q.Before != nil {
		return fmt.Errorf("%w: the query has both Since and Before", ErrInvalid)
	}
	for _, p := range []*Position{q.Since, q.Before} {
		if p != nil {
			if err := p.Validate(); err != nil {
				return err
			}
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"Newest", q.Newest}, {"Limit", q.Limit}, {"Bytes", q.Bytes}, {"Keep", q.Keep}} {
		if n.value < 0 {
			return fmt.Errorf("%w: %s is %d, must not be negative", ErrInvalid, n.name, n.value)
		}
	}
	return nil
}

// Validate returns an [ErrInvalid] for a position that no [Log] returns: with an epoch that does
// not have the form of one, with an offset that is negative or above [MaxOffset], or with an
// offset and no epoch.
func (p Position) Validate() error {
	if _, ok := topicwire.EpochNumber(p.Epoch); !ok {
		return fmt.Errorf("%w: %.100q is not an epoch", ErrInvalid, p.Epoch)
	}
	if p.Offset < 0 || p.Offset > MaxOffset || p.Epoch == "" && p.Offset != 0 {
		return fmt.Errorf("%w: offset %d of epoch %.100q is out of range", ErrInvalid, p.Offset, p.Epoch)
	}
	return nil
}

// refuse returns an error if a context has ended.
func refuse(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("topic: %w", context.Cause(ctx))
}
