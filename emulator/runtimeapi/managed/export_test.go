package managed

// NodeSDKFolder is where a cache has the AWS SDK for JavaScript.
func NodeSDKFolder() string { return nodeSDKFolder() }
