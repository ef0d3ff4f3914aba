package table

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// enableTimeToLive turns the time to live on if it is off. DynamoDB refuses to turn on what is on, so a call
// that comes second looks again before it fails.
func enableTimeToLive(ctx context.Context, client Creator, name, attribute string) error {
	enabled, err := timeToLiveEnabled(ctx, client, name, attribute)
	if err != nil || enabled {
		return err
	}
	_, updateErr := client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)},
	})
	if updateErr == nil {
		return nil
	}
	if enabled, err = timeToLiveEnabled(ctx, client, name, attribute); err != nil || enabled {
		return err
	}
	return fmt.Errorf("turn time to live on: %w", updateErr)
}

// timeToLiveEnabled tells whether items expire by the attribute. By another one is an error.
func timeToLiveEnabled(ctx context.Context, client Creator, name, attribute string) (bool, error) {
	out, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return false, fmt.Errorf("describe time to live: %w", err)
	}
	description := out.TimeToLiveDescription
	if description == nil {
		return false, nil
	}
	switch description.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
	default:
		return false, nil
	}
	if have := aws.ToString(description.AttributeName); have != attribute {
		return false, fmt.Errorf("%w: its time-to-live attribute is %q, want %q", ErrMismatch, have, attribute)
	}
	return true, nil
}
