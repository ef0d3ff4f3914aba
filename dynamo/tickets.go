package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Tickets returns the store of one-time tickets. Every process of an application must use it, so
// that a ticket that one process issues is accepted by the others, and only once.
//
// A ticket costs one write unit to issue and one to use, if it fits into a kilobyte together with
// its principal. Unused tickets expire. The role needs dynamodb:PutItem and DeleteItem.
//
// # Lost answers
//
// A ticket is never accepted twice. If the answer to its use is lost, and the repeated request does
// not find the ticket, the lost attempt may have used it: that is an error other than
// [authz.ErrNoTicket], and the client needs another ticket.
func (db *DB) Tickets() authz.TicketStore { return tickets{db.t} }

type tickets struct{ t *table.Table }

// The attributes of tickets and renewals.
const (
	attrPrincipal = "p" // JSON
	attrOrigin    = "o"
	attrExpiresAt = "x" // Unix time in nanoseconds; the expiry of the item is rounded up to seconds
)

// Create implements [authz.TicketStore].
func (s tickets) Create(ctx context.Context, hash string, t authz.Ticket) error {
	it, err := principalItem(s.t.TicketKey(hash), t.Principal, t.ExpiresAt)
	if err != nil {
		return fmt.Errorf("dynamo: create a ticket: %w", err)
	}
	it[attrOrigin] = table.Text(t.Origin)
	it[attrExpiresAt] = table.Number(t.ExpiresAt.UnixNano())
	_, past, err := table.Do(ctx, s.t, s.t.API.PutItem, &dynamodb.PutItemInput{
		TableName: &s.t.Name, Item: it, ConditionExpression: aws.String(ifNew),
	})
	if _, ok := table.Refused(err); ok && past.Lost {
		return nil // the lost attempt has written it: the hash of a random ticket has no other item
	}
	if err != nil {
		return fmt.Errorf("dynamo: create a ticket: %s: %w", table.OutcomeOf(err, "it may exist"), err)
	}
	return nil
}

// Consume implements [authz.TicketStore] with a conditional delete.
func (s tickets) Consume(ctx context.Context, hash string) (authz.Ticket, error) {
	out, past, err := table.Do(ctx, s.t, s.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName: &s.t.Name, Key: s.t.TicketKey(hash), ReturnValues: types.ReturnValueAllOld,
		ConditionExpression: aws.String(ifExists),
	})
	_, refused := table.Refused(err)
	switch {
	case refused && past.Lost:
		return authz.Ticket{}, errors.New("dynamo: consume a ticket: it does not exist, or was used by an attempt " +
			"whose answer was lost: the client needs another ticket")
	case refused:
		return authz.Ticket{}, authz.ErrNoTicket
	case err != nil:
		return authz.Ticket{}, fmt.Errorf("dynamo: consume a ticket: %s: %w", table.OutcomeOf(err, "it may be used"), err)
	}
	t, err := decodeTicket(out.Attributes)
	if err != nil {
		return authz.Ticket{}, fmt.Errorf("dynamo: consume a ticket: %w", err)
	}
	return t, nil
}

func decodeTicket(it table.Item) (t authz.Ticket, err error) {
	if t.Principal, err = decodePrincipal(it); err != nil {
		return t, err
	}
	if t.Origin, err = table.GetText(it, attrOrigin); err != nil {
		return t, err
	}
	nanoseconds, err := table.GetNumber(it, attrExpiresAt)
	if err != nil {
		return t, err
	}
	t.ExpiresAt = time.Unix(0, nanoseconds).UTC()
	return t, nil
}

// Renewals returns the store of renewed credentials, for authz.CredentialExpiry. Every process of
// an application must use it, because each invocation may run in another one.
//
// A renewal costs one write unit if its principal fits into a kilobyte. Each other process that
// meets the connection after its first credential has expired reads the renewal once, for one read
// unit. Renewals expire after three hours, which is longer than a connection lasts (AWS Developer
// Guide, "Quotas for configuring and running a WebSocket API": two hours). The role needs
// dynamodb:PutItem and GetItem.
//
// If the answer to a write is lost, the write is repeated, and may replace what another process has
// saved for the same connection in between.
func (db *DB) Renewals() authz.RenewalStore { return renewals{db.t} }

type renewals struct{ t *table.Table }

const renewalTTL = 3 * time.Hour

// Save implements [authz.RenewalStore].
func (s renewals) Save(ctx context.Context, connectionID string, p authz.Principal) error {
	it, err := principalItem(s.t.RenewalKey(connectionID), p, s.t.Clock().Add(renewalTTL))
	if err != nil {
		return fmt.Errorf("dynamo: save the renewal of connection %.100q: %w", connectionID, err)
	}
	_, _, err = table.Do(ctx, s.t, s.t.API.PutItem, &dynamodb.PutItemInput{TableName: &s.t.Name, Item: it})
	if err != nil {
		return fmt.Errorf("dynamo: save the renewal of connection %.100q: %s: %w", connectionID,
			table.OutcomeOf(err, "it may be saved"), err)
	}
	return nil
}

// Load implements [authz.RenewalStore] with a strongly consistent read.
func (s renewals) Load(ctx context.Context, connectionID string) (authz.Principal, error) {
	out, _, err := table.Do(ctx, s.t, s.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &s.t.Name, Key: s.t.RenewalKey(connectionID), ConsistentRead: aws.Bool(true),
	})
	if err == nil && len(out.Item) == 0 {
		return authz.Principal{}, authz.ErrNoRenewal
	}
	var p authz.Principal
	if err == nil {
		p, err = decodePrincipal(out.Item)
	}
	if err != nil {
		return authz.Principal{}, fmt.Errorf("dynamo: load the renewal of connection %.100q: %w", connectionID, err)
	}
	return p, nil
}

// principalItem adds a principal and an expiry to the key of an item.
func principalItem(it table.Item, p authz.Principal, expires time.Time) (table.Item, error) {
	principal, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	it[attrPrincipal] = table.Text(string(principal))
	it[table.Expiry] = table.Number(expires.Unix() + 1)
	return it, nil
}

func decodePrincipal(it table.Item) (p authz.Principal, err error) {
	if err := getJSON(it, attrPrincipal, &p); err != nil {
		return authz.Principal{}, err
	}
	if p.ID == "" {
		return authz.Principal{}, fmt.Errorf("attribute %q is not a principal: it has no ID", attrPrincipal)
	}
	return p, nil
}
