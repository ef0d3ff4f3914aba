package emulator

import "context"

type authorizerKey struct{}

// WithAuthorizer gives the context of an HTTP request what an authorizer returns for it: [Gateway.ServeHTTP] takes it as
// Handshake.Authorizer. So an [net/http.Handler] in front of the gateway can stand for the API's authorizer: it
// refuses a handshake with 401 or 403 itself, or hands it on with this context.
func WithAuthorizer(ctx context.Context, values map[string]any) context.Context {
	return context.WithValue(ctx, authorizerKey{}, values)
}

func authorizerOf(ctx context.Context) map[string]any {
	values, _ := ctx.Value(authorizerKey{}).(map[string]any)
	return values
}

type usageKeyKey struct{}

// WithUsageKey is [WithAuthorizer] for Handshake.UsageKey, the usageIdentifierKey of an authorizer's answer.
func WithUsageKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, usageKeyKey{}, key)
}

func usageKeyOf(ctx context.Context) string {
	key, _ := ctx.Value(usageKeyKey{}).(string)
	return key
}
