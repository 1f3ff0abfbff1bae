# The three roles in one image; docker-compose.yml starts it once per role. Every RUN step is also a step of .ci/run.
# The install builds the web pages with development dependencies, which then go.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY . .
RUN npm ci
RUN npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app .
RUN node main.ts --help
USER node
EXPOSE 5027/tcp 5027/udp 5004/tcp 5004/udp 5023/tcp 5055/tcp 1883/tcp 8080/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "main.ts"]
CMD ["serve"]
