package sweep

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// The item of the progress. Its lease keeps sweepers from working at the same time, which would do no harm but cost
// every probe twice; its condition keeps one that was overtaken from saving.
const (
	attrProgress = "progress" // S, JSON; see progress
	attrHolder   = "holder"   // B, who has the lease
	attrUntil    = "until"    // N, seconds since 1970: when the lease ends if it is not renewed

	// progressLife is when the progress expires after the latest save.
	progressLife = 24 * time.Hour
	// saveEvery is about how often the progress is saved, and the lease renewed, where a page takes long.
	saveEvery = 10 * time.Second
	// leaseSlack is what comes between two saves beside that and a probe: the removals, and a request with its
	// attempts, and twice announceTime, as one may wait for the place of another.
	leaseSlack = 110 * time.Second
	// announceTime is the most that the function for records that end has for one.
	announceTime = 30 * time.Second
)

var (
	errBusy = errors.New("another sweeper is at work")
	errLost = errors.New("another sweeper has taken over, since this one did not save for too long")
)

// lease is the right to save, until it is given back or runs out.
type lease struct {
	*Sweeper
	holder types.AttributeValue
}

// take begins a lease and reads the progress. It fails with errBusy if there is another lease; the progress is then that
// lease's. A lease that ends later than one can is none.
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
	if there, ok := table.Refused(err); ok {
		return nil, s.readProgress(ctx, there), errBusy
	}
	if err != nil {
		return nil, progress{}, fmt.Errorf("begin: %w", err)
	}
	return l, s.readProgress(ctx, out.Attributes), nil
}

// save writes how far the sweep has come and renews the lease, or gives it back.
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

// until gives when a lease ends that is taken now. With its context's deadline a sweep in Lambda ends for certain, so
// that the next need not wait for one that died.
func (l *lease) until(ctx context.Context) int64 {
	d := l.longestLease()
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)+l.reserve)
	}
	return l.reg.Clock().Add(d).Unix() + 1
}

func (s *Sweeper) longestLease() time.Duration { return saveEvery + s.probeTimeout + leaseSlack }

// readProgress gives what the item holds; nothing if there is none, if it has expired, or if it can't be used.
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
	s.logger().WarnContext(ctx, "sweep: the sweeper's progress can't be used, a new pass begins", "error", err)
	return progress{}
}
