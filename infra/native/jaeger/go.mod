module glasshouse/infra/native/jaeger

go 1.24.6

require github.com/jaegertracing/jaeger v1.76.0

// As upstream's go.mod: a module's own replacements do not reach those who require it.
replace (
	github.com/Shopify/sarama => github.com/Shopify/sarama v1.33.0
)
