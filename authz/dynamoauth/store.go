package dynamoauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/dynamotable"
)

// API is what a Store calls; [*dynamodb.Client] has it, and repeats what failed on the way.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// Store is an [authz.TicketStore] and an [authz.RenewalStore] in a DynamoDB table. It is safe for concurrent use.
type Store struct {
	api    API
	table  string
	prefix string // of every partition key
	clock  func() time.Time
}

var (
	_ authz.TicketStore  = (*Store)(nil)
	_ authz.RenewalStore = (*Store)(nil)
)

// Option is an option of [New].
type Option interface{ apply(*Store) error }

type option func(*Store) error

func (o option) apply(s *Store) error { return o(s) }

// WithNamespace keeps the store's items apart from those of others in the same table; it has to be the same in all
// processes. At most 255 bytes of UTF-8, without "#".
func WithNamespace(namespace string) Option {
	return option(func(s *Store) (err error) {
		if s.prefix, err = dynamotable.Prefix(namespace); err != nil {
			return fmt.Errorf("dynamoauth: %w", err)
		}
		return nil
	})
}

// WithClock sets the time by which items expire; the default is [time.Now].
func WithClock(now func() time.Time) Option {
	return option(func(s *Store) error {
		if now == nil {
			return errors.New("dynamoauth: the clock is nil")
		}
		s.clock = now
		return nil
	})
}

// New returns a Store in a table of the form that dynamoconn.CreateTable makes. It sends nothing. It fails if the
// table's name is empty, and panics if client is nil.
func New(client API, table string, opts ...Option) (*Store, error) {
	if client == nil {
		panic("dynamoauth: New with a nil client")
	}
	if table == "" {
		return nil, errors.New("dynamoauth: the table's name is empty")
	}
	s := &Store{api: client, table: table, clock: time.Now}
	for _, o := range opts {
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// The attributes of an item.
const (
	attrPrincipal = "p" // JSON
	attrOrigin    = "o"
	attrExpires   = "x" // Unix time in nanoseconds; exp is rounded up to seconds
)

// The sort keys, and the prefixes of the partition keys.
const (
	ticket  = "t"
	renewal = "a"
)

// lifetime is how long a renewal is kept: longer than a connection can last (AWS Developer Guide, "Quotas for configuring
// and running a WebSocket API": two hours).
const lifetime = 3 * time.Hour

func (s *Store) key(kind, name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		dynamotable.PartitionKey: text(s.prefix + kind + "#" + name),
		dynamotable.SortKey:      text(kind),
	}
}

// Create keeps a ticket: one write unit.
func (s *Store) Create(ctx context.Context, hash string, t authz.Ticket) error {
	item, err := s.item(ticket, hash, t.Principal, t.ExpiresAt)
	if err != nil {
		return fmt.Errorf("dynamoauth: create a ticket: %w", err)
	}
	item[attrOrigin] = text(t.Origin)
	item[attrExpires] = number(t.ExpiresAt.UnixNano())
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: item, ConditionExpression: aws.String("attribute_not_exists(" + dynamotable.PartitionKey + ")"),
	})
	if err != nil {
		return fmt.Errorf("dynamoauth: create a ticket: %w", err)
	}
	return nil
}

// Consume removes a ticket by a conditional delete, and returns it: one write unit. If the answer to the delete is lost, the
// client's next try finds nothing, and the ticket is used up for nothing: it is never returned twice.
func (s *Store) Consume(ctx context.Context, hash string) (authz.Ticket, error) {
	out, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: s.key(ticket, hash), ReturnValues: types.ReturnValueAllOld,
		ConditionExpression: aws.String("attribute_exists(" + dynamotable.PartitionKey + ")"),
	})
	var missing *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &missing):
		return authz.Ticket{}, authz.ErrNoTicket
	case err != nil:
		return authz.Ticket{}, fmt.Errorf("dynamoauth: consume a ticket: %w", err)
	}
	t := authz.Ticket{Origin: textOf(out.Attributes[attrOrigin])}
	if t.Principal, err = principalOf(out.Attributes); err != nil {
		return authz.Ticket{}, fmt.Errorf("dynamoauth: consume a ticket: %w", err)
	}
	nanoseconds, err := strconv.ParseInt(numberOf(out.Attributes[attrExpires]), 10, 64)
	if err != nil {
		return authz.Ticket{}, fmt.Errorf("dynamoauth: consume a ticket: its expiry: %w", err)
	}
	t.ExpiresAt = time.Unix(0, nanoseconds).UTC()
	return t, nil
}

// Save keeps the principal of a connection for three hours, which is longer than a connection lasts: one write unit.
func (s *Store) Save(ctx context.Context, connectionID string, p authz.Principal) error {
	item, err := s.item(renewal, connectionID, p, s.clock().Add(lifetime))
	if err == nil {
		_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: item})
	}
	if err != nil {
		return fmt.Errorf("dynamoauth: save a renewal of connection %q: %w", connectionID, err)
	}
	return nil
}

// Load returns the principal that was saved last, by a strongly consistent read: one read unit for up to 4 KB.
func (s *Store) Load(ctx context.Context, connectionID string) (authz.Principal, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: s.key(renewal, connectionID), ConsistentRead: aws.Bool(true),
	})
	if err == nil && len(out.Item) == 0 {
		return authz.Principal{}, authz.ErrNoRenewal
	}
	var p authz.Principal
	if err == nil {
		p, err = principalOf(out.Item)
	}
	if err != nil {
		return authz.Principal{}, fmt.Errorf("dynamoauth: load a renewal of connection %q: %w", connectionID, err)
	}
	return p, nil
}

// item makes an item that expires.
func (s *Store) item(kind, name string, p authz.Principal, expires time.Time) (map[string]types.AttributeValue, error) {
	principal, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	item := s.key(kind, name)
	item[attrPrincipal] = text(string(principal))
	item[dynamotable.Expiry] = number(expires.Unix() + 1)
	return item, nil
}

func principalOf(item map[string]types.AttributeValue) (p authz.Principal, err error) {
	if err := json.Unmarshal([]byte(textOf(item[attrPrincipal])), &p); err != nil {
		return authz.Principal{}, fmt.Errorf("the item's principal: %w", err)
	}
	if p.ID == "" {
		return authz.Principal{}, errors.New("the item has no principal")
	}
	return p, nil
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func numberOf(v types.AttributeValue) string {
	if n, ok := v.(*types.AttributeValueMemberN); ok {
		return n.Value
	}
	return ""
}
