package table_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// script answers DescribeTable with one status after the other, the last one again and again; an
// empty status is a table that is not known. Its time to live turns on between an Update and the
// Describe after it.
type script struct {
	statuses  []types.TableStatus
	created   int
	updateErr error
	lateTTL   types.TimeToLiveStatus
	updated   bool
}

func (s *script) DescribeTable(
	context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error,
) {
	status := s.statuses[0]
	if len(s.statuses) > 1 {
		s.statuses = s.statuses[1:]
	}
	if status == "" {
		return nil, &types.ResourceNotFoundException{}
	}
	return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{
		TableStatus: status,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
		},
	}}, nil
}

func (s *script) CreateTable(
	context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error,
) {
	s.created++
	return nil, &types.ResourceInUseException{}
}

func (s *script) DescribeTimeToLive(
	context.Context, *dynamodb.DescribeTimeToLiveInput,
	...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error,
) {
	d := &types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusDisabled}
	if s.updated {
		d = &types.TimeToLiveDescription{TimeToLiveStatus: s.lateTTL, AttributeName: aws.String("exp")}
	}
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

func (s *script) UpdateTimeToLive(
	context.Context, *dynamodb.UpdateTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error,
) {
	s.updated = true
	return &dynamodb.UpdateTimeToLiveOutput{}, s.updateErr
}

func TestCreateWaitsUntilActive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{statuses: []types.TableStatus{"", "", "CREATING", "CREATING", "ACTIVE"}}
		begin := time.Now()
		require.NoError(t, table.Create(t.Context(), s, "late"))
		require.Equal(t, 1, s.created)
		require.True(t, s.updated)
		require.Equal(t, (25+50+100)*time.Millisecond, time.Since(begin))
	})
}

func TestCreateWaitsForTheTableOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{statuses: []types.TableStatus{"CREATING", "CREATING", "ACTIVE"}}
		require.NoError(t, table.Create(t.Context(), s, "late"))
		require.Zero(t, s.created)
	})
}

func TestCreateGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{statuses: []types.TableStatus{"CREATING"}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		err := table.Create(ctx, s, "slow")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, `table "slow": wait until it is active: context deadline exceeded`)
		require.Equal(t, 10*time.Second, time.Since(begin))
	})
}

func TestCreateRefusesATableThatGoes(t *testing.T) {
	t.Parallel()
	s := &script{statuses: []types.TableStatus{"DELETING"}}
	require.EqualError(t, table.Create(t.Context(), s, "gone"), `table "gone": the status is DELETING`)
}

func TestCreateLooksAgainAfterARefusedTimeToLive(t *testing.T) {
	t.Parallel()
	refused := errors.New("TimeToLive is already enabled")
	for status, want := range map[types.TimeToLiveStatus]error{
		types.TimeToLiveStatusEnabled:  nil,
		types.TimeToLiveStatusEnabling: nil,
		types.TimeToLiveStatusDisabled: refused,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := &script{statuses: []types.TableStatus{"ACTIVE"}, updateErr: refused, lateTTL: status}
			require.ErrorIs(t, table.Create(t.Context(), s, "raced"), want)
		})
	}
}
