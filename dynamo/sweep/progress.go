package sweep

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// progress is what a sweep leaves for the next one, as JSON in one item.
type progress struct {
	Version int `json:"version"`
	// Pass is the pass under way; it is zero between passes.
	Pass Pass `json:"pass,omitzero"`
	// After is the last key that was read; it is zero at the beginning of a pass.
	After place `json:"after,omitzero"`
	// Last is the latest complete pass.
	Last *Pass `json:"last,omitempty"`
}

// progressVersion changes with the meaning of the JSON.
const progressVersion = 1

// place is the primary key of an item of any kind.
type place struct {
	PK string `json:"pk"`
	SK string `json:"sk"`
}

const (
	maxPartitionKey = 2048 // bytes (Amazon DynamoDB Developer Guide, "Quotas")
	maxSortKey      = 1024
)

func (p place) valid() bool {
	return p == place{} || p.PK != "" && p.SK != "" && len(p.PK) <= maxPartitionKey && len(p.SK) <= maxSortKey
}

func encodeProgress(p progress) (string, error) {
	p.Version = progressVersion
	b, err := json.Marshal(p)
	return string(b), err
}

// decodeProgress refuses a progress that no sweeper can have written: continuing there could end
// with wrong numbers, or never.
func decodeProgress(data string) (progress, error) {
	var p progress
	if err := json.Unmarshal([]byte(data), &p); err != nil {
		return progress{}, err
	}
	if p.Version != progressVersion {
		return progress{}, fmt.Errorf("the version is %d, this sweeper knows %d", p.Version, progressVersion)
	}
	return p, p.check()
}

func (p *progress) check() error {
	switch begun := !p.Pass.Started.IsZero(); {
	case !p.After.valid():
		return errors.New("the place is not a key of the table")
	case !p.Pass.plausible():
		return errors.New("the numbers do not add up")
	case !p.Pass.Ended.IsZero() || !begun && (p.After != place{} || p.Pass.Counts != Counts{}):
		return errors.New("the pass has ended, or has not begun")
	case p.Last != nil && (!p.Last.plausible() || p.Last.Started.IsZero() || p.Last.Ended.IsZero()):
		return errors.New("the last pass is not a complete one")
	}
	return nil
}

// The item of the progress has a lease. It keeps sweepers from working at the same time, which
// would do no harm but cost every probe twice. Its condition keeps a sweeper from saving that
// another one has overtaken.
const (
	attrProgress = "progress" // S, JSON; see progress
	attrHolder   = "holder"   // B, identifies the sweeper that has the lease
	attrUntil    = "until"    // N, seconds since 1970: when the lease ends if it is not renewed

	// progressLife is when the progress expires after it was saved last.
	progressLife = 24 * time.Hour
	// saveEvery is about how often the progress is saved and the lease renewed while a page takes
	// long.
	saveEvery = 10 * time.Second
	// leaseSlack is the longest time between two saves beside saveEvery and a probe: removals, a
	// request with its attempts, and twice announceTime, since one announcement may wait for another
	// to end.
	leaseSlack = 110 * time.Second
	// announceTime is the longest time that the function of dynamo.WithEnded has for one record.
	announceTime = 30 * time.Second
)

var (
	errBusy = errors.New("another sweeper is working")
	errLost = errors.New("another sweeper has taken over, since this one did not save for too long")
)

// lease is the right to save, until it is given back or runs out.
type lease struct {
	*Sweeper
	holder types.AttributeValue
}

// take begins a lease and reads the progress. It fails with errBusy if there is another lease, and
// then returns the progress of that one. A lease that ends later than one can end does not count.
func (s *Sweeper) take(ctx context.Context) (*lease, progress, error) {
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // it never fails
	l := &lease{s, &types.AttributeValueMemberB{Value: nonce}}
	now := s.reg.Now()
	out, _, err := table.Do(ctx, s.reg.Table, s.reg.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                &s.reg.Name,
		Key:                      s.reg.SweepKey(),
		UpdateExpression:         aws.String("SET #until = :until, holder = :me, exp = :exp"),
		ConditionExpression:      aws.String("NOT #until BETWEEN :now AND :longest OR holder = :me"),
		ExpressionAttributeNames: map[string]string{"#until": attrUntil},
		ExpressionAttributeValues: table.Item{
			":until":   table.Number(l.until(ctx)),
			":me":      l.holder,
			":exp":     table.Number(now + int64(progressLife/time.Second)),
			":now":     table.Number(now + 1),
			":longest": table.Number(now + 2*int64(s.longestLease()/time.Second)),
		},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if existing, ok := table.Refused(err); ok {
		return nil, s.readProgress(ctx, existing), errBusy
	}
	if err != nil {
		return nil, progress{}, fmt.Errorf("begin: %w", err)
	}
	return l, s.readProgress(ctx, out.Attributes), nil
}

// save saves the progress, and renews the lease or ends it.
func (l *lease) save(ctx context.Context, p progress, giveBack bool) error {
	data, err := encodeProgress(p)
	if err != nil {
		return fmt.Errorf("save the progress: %w", err)
	}
	until := l.until(ctx)
	if giveBack {
		until = 0
	}
	_, _, err = table.Do(ctx, l.reg.Table, l.reg.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                &l.reg.Name,
		Key:                      l.reg.SweepKey(),
		UpdateExpression:         aws.String("SET #progress = :progress, #until = :until, exp = :exp"),
		ConditionExpression:      aws.String("holder = :me"),
		ExpressionAttributeNames: map[string]string{"#until": attrUntil, "#progress": attrProgress},
		ExpressionAttributeValues: table.Item{
			":progress": table.Text(data),
			":until":    table.Number(until),
			":me":       l.holder,
			":exp":      table.Number(l.reg.Now() + int64(progressLife/time.Second)),
		},
	})
	if _, ok := table.Refused(err); ok {
		return errLost
	}
	if err != nil {
		return fmt.Errorf("save the progress: %w", err)
	}
	return nil
}

// until returns when a lease ends that is taken now. A sweep in Lambda certainly ends with its
// context's deadline, so that the next one need not wait longer for one that died.
func (l *lease) until(ctx context.Context) int64 {
	d := l.longestLease()
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)+l.deadlineMargin)
	}
	return l.reg.Clock().Add(d).Unix() + 1
}

func (s *Sweeper) longestLease() time.Duration { return saveEvery + s.probeTimeout + leaseSlack }

// readProgress returns the progress in an item, or a zero one if there is none, it has expired or
// it is unusable.
func (s *Sweeper) readProgress(ctx context.Context, it table.Item) progress {
	if it[attrProgress] == nil {
		return progress{}
	}
	if expires, err := table.GetNumber(it, table.Expiry); err == nil && expires <= s.reg.Now() {
		return progress{}
	}
	data, err := table.GetText(it, attrProgress)
	if err == nil {
		var p progress
		if p, err = decodeProgress(data); err == nil {
			return p
		}
	}
	s.logger().WarnContext(ctx, "sweep: the saved progress is unusable, a new pass begins", "error", err)
	return progress{}
}
