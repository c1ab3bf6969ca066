FROM python:3.11-slim
WORKDIR /heed
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN useradd --system heed && mkdir /state && chown heed /state
USER heed
ENV PYTHONUNBUFFERED=1
